//! Who somebody is, by what a provider says: its ID tokens, wherever they come from, with its keys and what we
//! expect of them; or its API, where there are no ID tokens.
//!
//! ```text
//! ID token ─ unverified ─▶ keys_for its kid ─▶ verify/ ─▶ VerifiedIdentity
//! ```

use std::sync::Arc;

use super::{Provider, ProviderKind, TokenResponse, UserAuthentication, github};
use crate::core::Core;
use crate::error::Error;
use crate::receipt::{Fact, Receipt, rules};
use crate::secret::{AccessToken, AuthorizationCode, IdToken, Nonce};
use crate::time::Timestamp;
use crate::verify::{
    Expected, ExpectedNonce, IdTokenFault, Identity, KeySet, LEEWAY, UnverifiedFront,
    UnverifiedIdToken, VerifiedCredential, VerifiedFront, VerifiedIdentity,
    check_refreshed_id_token, shown, verify_credential, verify_front, verify_hybrid_id_token,
    verify_id_token,
};

/// What the ID token of a sign-in must agree with.
pub(crate) struct SignInProof<'a> {
    pub(crate) nonce: ExpectedNonce<'a>,
    pub(crate) access_token: &'a AccessToken,
    /// None where the tokens came without one.
    pub(crate) code: Option<&'a AuthorizationCode>,
    /// What came through the browser before, if that was asked for.
    pub(crate) front: Option<&'a VerifiedFront>,
    /// When the request was made.
    pub(crate) begun_at: Timestamp,
}

impl Provider {
    /// Who signed in, by the ID token that the exchange brought; where there is none, by what the API says about
    /// the access token.
    pub(crate) async fn identify(
        &self,
        core: &Core,
        answer: &TokenResponse,
        proof: &SignInProof<'_>,
        receipt: &mut Receipt,
    ) -> Result<VerifiedIdentity, Error> {
        if self.config.kind == ProviderKind::GitHub {
            // The API does not say when and how somebody signed in, so nobody has who must show it.
            if self.config.authentication != UserAuthentication::default() {
                return Err(IdTokenFault::AuthenticationTimeInvalid.into());
            }
            receipt.step("account", &[("asked with", Fact::Word("the access token"))]);
            let found = github::find(self, core, proof.access_token).await;
            match &found {
                Ok(_) => receipt.passed(rules::API_ACCOUNT, "one", "one"),
                Err(_) => receipt.failed(rules::API_ACCOUNT, "one", "none"),
            }
            return found;
        }
        let token = answer.unverified_id_token.as_ref();
        let came = if token.is_some() { "one" } else { "none" };
        let verdict = receipt.check(rules::ID_TOKEN, "one", came, token.is_some());
        verdict.or(Error::ProviderMisbehaved)?;
        let token = token.ok_or(Error::ProviderMisbehaved)?;
        self.verify(core, token, proof, receipt).await
    }

    /// Verifies the ID token of a sign-in.
    async fn verify(
        &self,
        core: &Core,
        token: &IdToken,
        proof: &SignInProof<'_>,
        receipt: &mut Receipt,
    ) -> Result<VerifiedIdentity, Error> {
        let token = unverified(token, receipt)?;
        let expected = self.expected_of(core, proof);
        let keys = self.keys_for(core, &token, receipt).await?;
        Ok(match proof.front {
            Some(front) => verify_hybrid_id_token(&token, &keys, &expected, front, receipt)?,
            None => verify_id_token(&token, &keys, &expected, receipt)?,
        })
    }

    /// As [`Provider::verify`], for somebody who is not of the hosted domains: nobody is signed in by that, but
    /// it is known whose tokens came.
    pub(crate) async fn verify_outsider(
        &self,
        core: &Core,
        token: &IdToken,
        proof: &SignInProof<'_>,
    ) -> Result<VerifiedIdentity, Error> {
        let receipt = &mut Receipt::unkept();
        let token = unverified(token, receipt)?;
        let expected = Expected { hosted_domains: &[], ..self.expected_of(core, proof) };
        let keys = self.keys_for(core, &token, receipt).await?;
        Ok(match proof.front {
            Some(front) => verify_hybrid_id_token(&token, &keys, &expected, front, receipt)?,
            None => verify_id_token(&token, &keys, &expected, receipt)?,
        })
    }

    /// Verifies the ID token that came through the browser with a code. Nothing may be asked of the token endpoint
    /// before.
    pub(crate) async fn verify_front(
        &self,
        core: &Core,
        front: UnverifiedFront,
        nonce: &Nonce,
        begun_at: Timestamp,
        receipt: &mut Receipt,
    ) -> Result<VerifiedFront, Error> {
        receipt.step("ID token beside the code", &[]);
        let token = receipt.fault(front.token(), shown::fault)?;
        let keys = self.keys_for(core, &token, receipt).await?;
        let nonce = ExpectedNonce::Required(nonce);
        let expected = Expected { nonce, ..self.expected_of_sign_in(core, begun_at) };
        Ok(verify_front(front, &keys, &expected, receipt)?)
    }

    /// Verifies what the provider's sign-in button gave to a page.
    pub(crate) async fn verify_credential(
        &self,
        core: &Core,
        token: &UnverifiedIdToken<'_>,
        nonce: ExpectedNonce<'_>,
        receipt: &mut Receipt,
    ) -> Result<VerifiedCredential, Error> {
        let expected = Expected { nonce, ..self.expected_of_sign_in(core, core.now()) };
        let keys = self.keys_for(core, token, receipt).await?;
        Ok(verify_credential(token, &keys, &expected, receipt)?)
    }

    /// Whether the ID token that came with a refresh is about this person.
    pub(crate) fn check_refreshed(
        &self,
        core: &Core,
        token: &IdToken,
        identity: &Identity,
    ) -> Result<(), IdTokenFault> {
        let token = UnverifiedIdToken::parse(token)?;
        check_refreshed_id_token(&token, &self.expected(core), identity)
    }

    fn expected_of<'a>(&'a self, core: &Core, proof: &SignInProof<'a>) -> Expected<'a> {
        Expected {
            nonce: proof.nonce,
            access_token: Some(proof.access_token),
            code: proof.code,
            ..self.expected_of_sign_in(core, proof.begun_at)
        }
    }

    fn expected(&self, core: &Core) -> Expected<'_> {
        Expected {
            provider: &self.config.id,
            issuer: &self.config.issuer,
            issuer_aliases: &self.issuer_aliases,
            client_id: &self.config.registration.client_id,
            nonce: ExpectedNonce::NotSent,
            access_token: None,
            code: None,
            now: core.now(),
            leeway: LEEWAY,
            hosted_domains: &self.config.hosted_domains,
            authenticated_since: None,
            acr_values: &[],
            tenants: match &self.config.kind {
                ProviderKind::Entra(tenants) => Some(tenants.allowed()),
                _ => None,
            },
        }
    }

    /// What is expected where somebody signs in: a refresh says nothing new of how they did.
    fn expected_of_sign_in(&self, core: &Core, begun_at: Timestamp) -> Expected<'_> {
        let asked = &self.config.authentication;
        Expected {
            authenticated_since: asked.max_age.map(|age| begun_at.before(age)),
            acr_values: &asked.acr_values,
            ..self.expected(core)
        }
    }

    async fn keys_for(
        &self,
        core: &Core,
        token: &UnverifiedIdToken<'_>,
        receipt: &mut Receipt,
    ) -> Result<Arc<KeySet>, Error> {
        let metadata = self.metadata(core).await?;
        let kid = token.unverified_kid();
        let kept = Fact::Word(if self.keys.are_at_hand(kid) { "at hand" } else { "asked for" });
        receipt.step("keys", &[("keys", kept), ("named by a kid", Fact::yes(kid.is_some()))]);
        let jwks_uri = metadata.jwks_uri.as_ref().ok_or(Error::ProviderMisbehaved)?;
        let keys = self.keys.keys_for(kid, jwks_uri, &*core.http, &*core.clock).await;
        keys.map_err(|fault| Error::of_keys(self.id(), fault))
    }
}

/// Takes a token apart, as the first thing that its receipt tells.
pub(crate) fn unverified<'t>(
    token: &'t IdToken,
    receipt: &mut Receipt,
) -> Result<UnverifiedIdToken<'t>, IdTokenFault> {
    receipt.step("ID token", &[("size", Fact::Bytes(token.expose().len()))]);
    receipt.fault(UnverifiedIdToken::parse(token), shown::fault)
}

/// Whether a fault of a refresh's ID token means that the answer is about somebody else, so that nothing
/// of it may be used (requirement RF-11).
pub(crate) fn is_about_somebody_else(fault: IdTokenFault) -> bool {
    matches!(
        fault,
        IdTokenFault::AudienceMismatch
            | IdTokenFault::IssuerMismatch
            | IdTokenFault::SubjectMismatch
    )
}
