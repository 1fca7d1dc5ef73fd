"""google-auth, google-auth-oauthlib and google-api-python-client, pointed at the emulator by their own options."""

from datetime import datetime, timedelta, timezone

from google.auth.exceptions import RefreshError
from google.auth.transport.requests import AuthorizedSession, Request
from google.oauth2 import id_token
from google.oauth2.credentials import Credentials
from google_auth_oauthlib.flow import Flow, InstalledAppFlow
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError
from oauthlib.oauth2.rfc6749.errors import AccessDeniedError, InvalidGrantError

from support import (
    ADA,
    ADA_SUB,
    CALENDAR,
    CLIENT_ID,
    CLIENT_SECRET,
    DRIVE,
    EMULATOR,
    LINUS,
    REDIRECT_URI,
    SCOPES,
    NewDay,
    advance_clock,
    control,
    ledger,
    visit,
)

# As the console's button gives it.
CLIENT = control("GET", f"clients/{CLIENT_ID}/file")["web"]
JWKS = f"{EMULATOR}/oauth2/v3/certs"


def new_flow(scopes=SCOPES):
    client = {"web": {**CLIENT, "redirect_uris": [REDIRECT_URI]}}
    return Flow.from_client_config(client, scopes=scopes, redirect_uri=REDIRECT_URI)


def sign_in(scopes=SCOPES, **params):
    flow = new_flow(scopes)
    url, _ = flow.authorization_url(access_type="offline", **params)
    flow.fetch_token(authorization_response=visit(url))
    return flow.credentials


def calendar(credentials):
    options = {"api_endpoint": f"{EMULATOR}/calendar/v3/"}
    return build("calendar", "v3", credentials=credentials, client_options=options)


class Google(NewDay):
    def test_a_web_flow_with_pkce_gives_credentials_that_last(self):
        credentials = sign_in()
        self.assertTrue(credentials.valid)
        self.assertTrue(credentials.refresh_token.startswith("1//"))
        self.assertEqual(set(credentials.granted_scopes), set(SCOPES))
        self.assertTrue(ledger("authorization")[0]["pkce"])

    def test_an_installed_app_with_a_browser_and_a_server_of_its_own(self):
        desktop = {"client_id": "9-desktop.apps.googleusercontent.com", "kind": "desktop"}
        [made] = control("PUT", "clients", desktop)["clients"]
        client = {**CLIENT, "client_id": desktop["client_id"], "client_secret": made["client_secret"]}
        installed = {"installed": {**client, "redirect_uris": ["http://localhost"]}}
        flow = InstalledAppFlow.from_client_config(installed, scopes=SCOPES)
        credentials = flow.run_local_server(
            port=0, browser="interop", authorization_prompt_message=None, timeout_seconds=20
        )
        self.assertTrue(credentials.refresh_token)

    def test_a_code_works_once(self):
        flow = new_flow()
        answer = visit(flow.authorization_url()[0])
        flow.fetch_token(authorization_response=answer)
        with self.assertRaisesRegex(InvalidGrantError, "Bad Request"):
            flow.fetch_token(authorization_response=answer)

    def test_who_says_no_is_reported_to_the_application(self):
        control("PUT", "autopilot", {"user": ADA, "decision": "deny"})
        flow = new_flow()
        answer = visit(flow.authorization_url()[0])
        with self.assertRaises(AccessDeniedError):
            flow.fetch_token(authorization_response=answer)

    def test_a_box_that_is_unticked_is_a_scope_that_has_changed(self):
        control("PUT", "autopilot", {"user": ADA, "decision": "allow", "untick": [CALENDAR]})
        with self.assertRaisesRegex(Warning, "Scope has changed") as caught:
            sign_in()
        self.assertEqual(set(SCOPES) - set(caught.exception.new_scope), {CALENDAR})

    def test_a_refresh_renews_the_access_token_and_keeps_the_refresh_token(self):
        credentials = sign_in()
        access_token, refresh_token = credentials.token, credentials.refresh_token
        credentials.refresh(Request())
        self.assertNotEqual(credentials.token, access_token)
        self.assertEqual(credentials.refresh_token, refresh_token)
        self.assertEqual(id_token.verify_token(credentials.id_token, Request(), CLIENT_ID, JWKS)["sub"], ADA_SUB)

    def test_a_refresh_after_a_revocation_is_an_error_that_no_retry_heals(self):
        credentials = sign_in()
        token = {"token": credentials.refresh_token}
        self.assertEqual(AuthorizedSession(credentials).post(f"{EMULATOR}/revoke", params=token).status_code, 200)
        with self.assertRaisesRegex(RefreshError, "invalid_grant: Token has been expired or revoked.") as caught:
            credentials.refresh(Request())
        self.assertFalse(caught.exception.retryable)

    def test_an_organization_that_wants_its_people_to_sign_in_again_is_understood(self):
        control("PUT", "autopilot", {"user": LINUS, "decision": "allow"})
        credentials = sign_in()
        control("POST", f"users/{LINUS}/reauth")
        with self.assertRaisesRegex(RefreshError, "Reauthentication is needed"):
            credentials.refresh(Request())

    def test_an_outage_is_retried_by_the_library(self):
        credentials = sign_in()
        outage = {"endpoint": "token", "fault": "status", "status": 503, "body": '{"error":"internal_failure"}'}
        control("POST", "faults", [outage])
        credentials.refresh(Request())
        self.assertEqual(len(ledger("fault_used")), 1)

    def test_an_id_token_verifies_against_both_forms_of_the_keys_for_its_audience_only(self):
        token = sign_in().id_token
        for keys in (JWKS, CLIENT["auth_provider_x509_cert_url"]):
            claims = id_token.verify_token(token, Request(), CLIENT_ID, keys)
            self.assertEqual((claims["sub"], claims["email"], claims["iss"]), (ADA_SUB, ADA, EMULATOR))
            with self.assertRaisesRegex(Exception, "[Aa]udience"):
                id_token.verify_token(token, Request(), "another.apps.googleusercontent.com", keys)

    def test_an_id_token_whose_time_is_over_does_not_verify(self):
        control("POST", "faults", [{"endpoint": "token", "fault": "expired"}])
        with self.assertRaisesRegex(ValueError, "Token expired"):
            id_token.verify_token(sign_in().id_token, Request(), CLIENT_ID, CLIENT["auth_provider_x509_cert_url"])

    def test_calendar_what_is_inserted_is_listed(self):
        events = calendar(sign_in()).events()
        start = datetime(2026, 10, 12, 10, tzinfo=timezone.utc)
        body = {
            "summary": "Tea",
            "start": {"dateTime": start.isoformat()},
            "end": {"dateTime": (start + timedelta(hours=1)).isoformat()},
        }
        inserted = events.insert(calendarId="primary", body=body).execute()
        self.assertEqual(inserted["organizer"], {"email": ADA, "self": True})
        listed = events.list(calendarId="primary", timeMin=start.isoformat()).execute()
        self.assertEqual([event["id"] for event in listed["items"]], [inserted["id"]])

    def test_a_missing_scope_is_named_in_the_error(self):
        with self.assertRaises(HttpError) as caught:
            calendar(sign_in(["openid", DRIVE])).events().list(calendarId="primary").execute()
        self.assertEqual(caught.exception.status_code, 403)
        self.assertEqual(caught.exception.error_details[0]["reason"], "ACCESS_TOKEN_SCOPE_INSUFFICIENT")

    def test_an_authorized_session_refreshes_when_the_api_says_so(self):
        session = AuthorizedSession(sign_in())
        advance_clock(3600)
        self.assertEqual(session.get(f"{EMULATOR}/drive/v3/files").status_code, 200)
        happened = [event.get("status", event["kind"]) for event in ledger("api_call", "token_refreshed")]
        self.assertEqual(happened, [401, "token_refreshed", 200])

    def test_a_wrong_secret_is_an_error_of_the_client(self):
        credentials = sign_in()
        wrong = Credentials(
            None,
            refresh_token=credentials.refresh_token,
            token_uri=CLIENT["token_uri"],
            client_id=CLIENT_ID,
            client_secret="GOCSPX-not-the-one",
        )
        with self.assertRaisesRegex(RefreshError, "invalid_client: The provided client secret is invalid."):
            wrong.refresh(Request())


