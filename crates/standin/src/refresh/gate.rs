//! Who may ask a provider, when, and what everybody learns of it: an [`Exchange`] and its [`Guard`]s.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::breaker::{Shut, Why};
use super::exchange::Exchange;
use super::guard::{Alarm, Client, Guard, Outcome, Pass, Turn};
use super::spread::Share;
use super::{RefreshFailure, later};
use crate::id::GrantId;
use crate::provider::RefreshRate;
use crate::store::{Event, EventKind};
use crate::vault::Grant;

/// How long a refresh waits for its turn. With the provider's eight seconds it is less than callers wait.
const PATIENCE: Duration = Duration::from_secs(10);

impl Exchange {
    /// The guard of the client that a grant was given to, which need not be the one that is configured now.
    pub(super) fn guard_of(&self, grant: &Grant) -> Arc<Guard> {
        let provider = self.core.providers.get(&grant.identity.provider);
        let limit = provider.map_or_else(RefreshRate::default, |provider| {
            provider.config().max_refreshes_per_second
        });
        let client =
            Client { provider: grant.identity.provider.clone(), id: grant.provider_client.clone() };
        self.guards.of(client, limit, self.now())
    }

    /// Waits for the turn of a grant. It is kept until the question is asked, or the turn dropped.
    pub(super) async fn turn(
        &self,
        guard: &Arc<Guard>,
        grant: GrantId,
    ) -> Result<Turn, RefreshFailure> {
        let turn = guard.turn(grant, self.now(), PATIENCE);
        let (turn, wait) = turn.map_err(|wait| later(Some(wait)))?;
        if !wait.is_zero() {
            sleep(wait).await;
        }
        Ok(turn)
    }

    /// Whether the provider may be asked now. Asking it is for [`Exchange::enter`].
    pub(super) fn admit(&self, grant: &Grant) -> Result<(), RefreshFailure> {
        self.guard_of(grant).shut(self.now()).map_or(Ok(()), |shut| Err(refusal(shut)))
    }

    /// A question is about to be asked; [`Exchange::report`] tells what came of it.
    pub(super) fn enter(&self, grant: &Grant) -> Result<Pass, RefreshFailure> {
        self.guard_of(grant).enter(grant.id, self.now()).map_err(refusal)
    }

    /// What came of a question. Whether a grant that is said to be dead is.
    pub(super) async fn report(&self, pass: Pass, outcome: Outcome) -> bool {
        let client = pass.client().clone();
        let heard = pass.heard(outcome, self.now(), Share::random(&*self.core.entropy));
        let (provider, client_id) = (&client.provider, &client.id);
        if heard.has_opened {
            tracing::warn!(%provider, client_id, ?outcome, "this provider is left alone for a while");
        }
        if heard.has_closed {
            tracing::info!(%provider, client_id, "this provider answers again");
        }
        if let Some(alarm) = heard.alarm {
            self.raise(&client, alarm).await;
        }
        heard.is_believed
    }

    async fn raise(&self, client: &Client, alarm: Alarm) {
        let (provider, client_id) = (&client.provider, &client.id);
        match alarm {
            Alarm::MassRefusal => tracing::error!(
                %provider,
                client_id,
                "the provider refuses so many grants at once that none is given up: check whether it has an incident, and whether these tokens belong to this client"
            ),
            Alarm::RegistrationRefused => tracing::error!(
                %provider,
                client_id,
                "the provider refuses this application's registration: check client id, secret, and how they are sent"
            ),
        }
        let detail = Some(format!("{provider} {}", alarm.word()));
        let event = Event { detail, ..Event::new(EventKind::ProviderAlarm, self.now()) };
        if let Err(error) = self.core.store.append_events(vec![event]).await {
            tracing::warn!(%error, "an alarm is not on the record");
        }
    }
}

fn refusal(shut: Shut) -> RefreshFailure {
    match shut.why {
        Why::Registration => RefreshFailure::ClientRefused,
        Why::Doubt | Why::Trouble => later(Some(shut.wait)),
    }
}
