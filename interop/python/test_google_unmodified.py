"""The same libraries as they come, with Google's own addresses, through the front."""

import json

from google.auth.exceptions import RefreshError
from google.auth.transport.requests import AuthorizedSession, Request
from google.oauth2.credentials import Credentials
from google_auth_oauthlib.flow import Flow
from googleapiclient.discovery import build
from googleapiclient.http import MediaInMemoryUpload

from support import ADA, CLIENT_ID, CLIENT_SECRET, REDIRECT_URI, SCOPES, NewDay, ledger, visit

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

    def test_calendar_and_userinfo(self):
        events = build("calendar", "v3", credentials=self.credentials).events()
        body = {"start": {"date": "2026-10-12"}, "end": {"date": "2026-10-13"}}
        inserted = events.insert(calendarId="primary", body=body).execute()
        listed = events.list(calendarId="primary").execute()
        self.assertEqual([event["id"] for event in listed["items"]], [inserted["id"]])
        userinfo = build("oauth2", "v2", credentials=self.credentials).userinfo().get().execute()
        self.assertEqual(userinfo["email"], ADA)

    def test_drive_what_is_uploaded_in_one_piece_is_listed_and_read_back(self):
        files = build("drive", "v3", credentials=self.credentials).files()
        media = MediaInMemoryUpload(b"as it comes", mimetype="text/plain", resumable=False)
        made = files.create(body={"name": "notes.txt"}, media_body=media).execute()
        self.assertEqual(made["mimeType"], "text/plain")
        self.assertEqual([file["id"] for file in files.list().execute()["files"]], [made["id"]])
        self.assertEqual(files.get_media(fileId=made["id"]).execute(), b"as it comes")

    def test_saved_credentials_work_again(self):
        saved = Credentials.from_authorized_user_info(json.loads(self.credentials.to_json()))
        saved.refresh(Request())
        self.assertTrue(saved.valid)
        self.assertEqual(len(ledger("token_refreshed")), 1)

    def test_a_refresh_then_a_revocation(self):
        self.credentials.refresh(Request())
        session = AuthorizedSession(self.credentials)
        self.assertEqual(session.get("https://openidconnect.googleapis.com/v1/userinfo").json()["email"], ADA)
        token = {"token": self.credentials.token}
        self.assertEqual(session.post("https://oauth2.googleapis.com/revoke", params=token).status_code, 200)
        with self.assertRaisesRegex(RefreshError, "invalid_grant"):
            self.credentials.refresh(Request())
        self.assertEqual(len(ledger("revoked")), 1)
