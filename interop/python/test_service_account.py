"""A program with a key of its own: google-auth's service accounts, pointed at the emulator by their key file."""

from google.auth.crypt import RSASigner, verify_signature
from google.auth.exceptions import RefreshError
from google.auth.transport.requests import AuthorizedSession, Request
from google.oauth2 import id_token
from google.oauth2.service_account import Credentials, IDTokenCredentials

from support import ADA, CALENDAR, DRIVE, EMULATOR, LINUS, NewDay, control

ROBOT = "backup@emulated-project.iam.gserviceaccount.com"
EVENTS = f"{EMULATOR}/calendar/v3/calendars/primary/events"


class ServiceAccount(NewDay):
    def setUp(self):
        super().setUp()
        self.key = control("PUT", "service-accounts", {"email": ROBOT, "delegated_scopes": [CALENDAR]})

    def credentials(self, *scopes, key=None):
        return Credentials.from_service_account_info(key or self.key, scopes=scopes)

    def test_it_gets_a_token_for_itself(self):
        credentials = self.credentials(DRIVE)
        session = AuthorizedSession(credentials)
        owner = session.get(f"{EMULATOR}/drive/v3/about", params={"fields": "user"}).json()["user"]
        self.assertEqual(owner["emailAddress"], ROBOT)
        self.assertTrue(credentials.token.startswith("ya29.c."))
        self.assertEqual(session.get(EVENTS).status_code, 403)

    def test_it_acts_for_a_user_of_a_domain_that_lets_it(self):
        session = AuthorizedSession(self.credentials(CALENDAR).with_subject(LINUS))
        event = {"start": {"date": "2026-10-12"}, "end": {"date": "2026-10-13"}}
        self.assertEqual(session.post(EVENTS, json=event).json()["organizer"]["email"], LINUS)

    def test_it_acts_for_nobody_else_and_for_nothing_else(self):
        for credentials in (
            self.credentials(CALENDAR).with_subject(ADA),
            self.credentials(CALENDAR, DRIVE).with_subject(LINUS),
        ):
            with self.assertRaisesRegex(RefreshError, "unauthorized_client: Client is unauthorized"):
                credentials.refresh(Request())

    def test_another_key_is_not_its_own(self):
        other = control("PUT", "service-accounts", {"email": "other@emulated-project.iam.gserviceaccount.com"})
        with self.assertRaisesRegex(RefreshError, "invalid_grant: Invalid JWT Signature."):
            self.credentials(DRIVE, key={**self.key, "private_key": other["private_key"]}).refresh(Request())

    def test_an_id_token_for_an_audience_verifies(self):
        audience = "https://service.example"
        credentials = IDTokenCredentials.from_service_account_info(self.key, target_audience=audience)
        credentials.refresh(Request())
        certificates = self.key["auth_provider_x509_cert_url"]
        claims = id_token.verify_token(credentials.token, Request(), audience, certificates)
        self.assertEqual((claims["email"], claims["azp"]), (ROBOT, ROBOT))

    def test_its_certificate_is_published(self):
        message = b"signed by the program"
        signature = RSASigner.from_service_account_info(self.key).sign(message)
        published = AuthorizedSession(self.credentials(DRIVE)).get(self.key["client_x509_cert_url"]).json()
        self.assertTrue(verify_signature(message, signature, list(published.values())))
