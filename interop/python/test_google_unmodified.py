"""The same libraries as they come, with Google's own addresses, through the front."""

import hashlib
import io
import json
import os

from google.auth.exceptions import RefreshError
from google.auth.transport.requests import AuthorizedSession, Request
from google.oauth2 import id_token, service_account
from google.oauth2.credentials import Credentials
from google_auth_oauthlib.flow import Flow
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError
from googleapiclient.http import MediaInMemoryUpload, MediaIoBaseDownload

from support import ADA, CLIENT_ID, CLIENT_SECRET, DRIVE, REDIRECT_URI, SCOPES, NewDay, control, ledger, visit

ROBOT = "backup@emulated-project.iam.gserviceaccount.com"

# The smallest that Google takes.
CHUNK = 256 * 1024

# As Google's console gives it.
CLIENT = {
    "web": {
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "project_id": "emulated-project",
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": "https://oauth2.googleapis.com/token",
        "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
        "redirect_uris": [REDIRECT_URI],
    }
}


class Unmodified(NewDay):
    def setUp(self):
        super().setUp()
        flow = Flow.from_client_config(CLIENT, scopes=SCOPES, redirect_uri=REDIRECT_URI)
        url, _ = flow.authorization_url(access_type="offline")
        flow.fetch_token(authorization_response=visit(url))
        self.credentials = flow.credentials

    def test_an_id_token_verifies(self):
        claims = id_token.verify_oauth2_token(self.credentials.id_token, Request(), CLIENT_ID)
        self.assertEqual((claims["iss"], claims["email"]), ("https://accounts.google.com", ADA))

    def test_calendar_and_userinfo(self):
        events = build("calendar", "v3", credentials=self.credentials).events()
        body = {"start": {"date": "2026-10-12"}, "end": {"date": "2026-10-13"}}
        inserted = events.insert(calendarId="primary", body=body).execute()
        listed = events.list(calendarId="primary").execute()
        self.assertEqual([event["id"] for event in listed["items"]], [inserted["id"]])
        event = {"calendarId": "primary", "eventId": inserted["id"]}
        events.patch(**event, body={"summary": "Tea"}).execute()
        self.assertEqual(events.get(**event).execute()["summary"], "Tea")
        events.delete(**event).execute()
        self.assertEqual(events.list(calendarId="primary").execute()["items"], [])
        userinfo = build("oauth2", "v2", credentials=self.credentials).userinfo().get().execute()
        self.assertEqual(userinfo["email"], ADA)

    def test_drive_what_is_uploaded_in_one_piece_is_listed_and_read_back(self):
        files = build("drive", "v3", credentials=self.credentials).files()
        media = MediaInMemoryUpload(b"as it comes", mimetype="text/plain", resumable=False)
        made = files.create(body={"name": "notes.txt"}, media_body=media).execute()
        self.assertEqual(made["mimeType"], "text/plain")
        self.assertEqual([file["id"] for file in files.list().execute()["files"]], [made["id"]])
        self.assertEqual(files.get_media(fileId=made["id"]).execute(), b"as it comes")

    def test_drive_what_is_uploaded_in_chunks_is_read_back_in_chunks(self):
        files = build("drive", "v3", credentials=self.credentials).files()
        content = os.urandom(3 * CHUNK + 1000)
        media = MediaInMemoryUpload(content, mimetype="application/zip", chunksize=CHUNK, resumable=True)
        request = files.create(body={"name": "backup.zip"}, media_body=media, fields="id,size,sha256Checksum")
        progress, made = [], None
        while made is None:
            status, made = request.next_chunk()
            progress.append(status.resumable_progress if status else len(content))
        self.assertEqual(progress, [CHUNK, 2 * CHUNK, 3 * CHUNK, len(content)])
        self.assertEqual(made["size"], str(len(content)))
        self.assertEqual(made["sha256Checksum"], hashlib.sha256(content).hexdigest())
        back = io.BytesIO()
        download, done = MediaIoBaseDownload(back, files.get_media(fileId=made["id"]), chunksize=CHUNK), False
        while not done:
            _, done = download.next_chunk()
        self.assertEqual(back.getvalue(), content)

    def test_drive_an_upload_that_is_interrupted_goes_on_where_it_stopped(self):
        files = build("drive", "v3", credentials=self.credentials).files()
        content = os.urandom(2 * CHUNK)
        media = MediaInMemoryUpload(content, mimetype="application/zip", chunksize=CHUNK, resumable=True)
        request = files.create(body={"name": "backup.zip"}, media_body=media)
        request.next_chunk()
        control("POST", "faults", [{"endpoint": "api", "fault": "status", "status": 503}])
        with self.assertRaises(HttpError):
            request.next_chunk()
        _, made = request.next_chunk()
        self.assertEqual(files.get_media(fileId=made["id"]).execute(), content)

    def test_drive_a_file_is_renamed_searched_for_and_deleted(self):
        files = build("drive", "v3", credentials=self.credentials).files()
        media = MediaInMemoryUpload(b"1", mimetype="text/plain")
        made = files.create(body={"name": "first"}, media_body=media).execute()
        files.update(fileId=made["id"], body={"name": "second"}).execute()
        found = lambda name: files.list(q=f"name = '{name}' and trashed = false").execute()["files"]
        self.assertEqual([len(found("first")), len(found("second"))], [0, 1])
        files.delete(fileId=made["id"]).execute()
        with self.assertRaises(HttpError) as caught:
            files.get(fileId=made["id"]).execute()
        self.assertEqual(caught.exception.status_code, 404)
        self.assertEqual(caught.exception.error_details[0]["reason"], "notFound")

    def test_saved_credentials_work_again(self):
        saved = Credentials.from_authorized_user_info(json.loads(self.credentials.to_json()))
        saved.refresh(Request())
        self.assertTrue(saved.valid)
        self.assertEqual(len(ledger("token_refreshed")), 1)

    def test_a_service_account_uploads_for_itself(self):
        key = control("PUT", "service-accounts", {"email": ROBOT})
        key["token_uri"] = CLIENT["web"]["token_uri"]
        robot = service_account.Credentials.from_service_account_info(key, scopes=[DRIVE])
        files = build("drive", "v3", credentials=robot).files()
        media = MediaInMemoryUpload(b"a backup", mimetype="text/plain")
        made = files.create(body={"name": "backup"}, media_body=media, fields="owners").execute()
        self.assertEqual(made["owners"][0]["emailAddress"], ROBOT)

    def test_a_refresh_then_a_revocation(self):
        self.credentials.refresh(Request())
        session = AuthorizedSession(self.credentials)
        self.assertEqual(session.get("https://openidconnect.googleapis.com/v1/userinfo").json()["email"], ADA)
        token = {"token": self.credentials.token}
        self.assertEqual(session.post("https://oauth2.googleapis.com/revoke", params=token).status_code, 200)
        with self.assertRaisesRegex(RefreshError, "invalid_grant"):
            self.credentials.refresh(Request())
        self.assertEqual(len(ledger("revoked")), 1)
