//! `POST /demo/trouble/{name}`: what Google and time do to every app sooner or later, at the press of a
//! button; and a sentence on what came of it.

use std::sync::Arc;
use std::time::Duration;

use ::http::{HeaderMap, StatusCode};
use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};

use super::NightlyNotes;
use super::visitor::Visitor;
use crate::demo::job::Run;
use crate::http::problem::Problem;

/// Longer than Google's access tokens live.
const AN_HOUR: Duration = Duration::from_mins(61);
const TWO_HOURS: Duration = Duration::from_hours(2);

pub(super) async fn post(
    State(notes): State<Arc<NightlyNotes>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    notes.require_own_page(&headers)?;
    let outcome = match name.as_str() {
        "advance" => notes.let_pass(TWO_HOURS, "Two hours have passed.", &headers).await?,
        "expire" => {
            let what = "The access token has expired.";
            notes.let_pass(AN_HOUR, what, &headers).await?
        }
        "revoke" => notes.revoke(&headers).await?,
        "ask-again" => notes.ask_again(&headers).await?,
        "forget" => notes.forget(&headers).await?,
        "reset" => notes.reset().await?,
        _ => {
            let detail = "There is no such trouble.";
            return Err(Problem::new(StatusCode::NOT_FOUND, "not_found", detail));
        }
    };
    Ok(Json(json!({"outcome": outcome})))
}

impl NightlyNotes {
    async fn let_pass(
        &self,
        time: Duration,
        what: &str,
        headers: &HeaderMap,
    ) -> Result<String, Problem> {
        let visitor = self.visitor(headers).await?;
        self.control.advance(time).await?;
        self.job.run_all().await;
        self.job.remember();
        let run = visitor.and_then(|visitor| self.job.runs(&visitor.user).into_iter().next());
        Ok(format!("{what} {}", self.what_the_job_did(run.as_ref())))
    }

    /// The job's own words, seen from the page.
    fn what_the_job_did(&self, run: Option<&Run>) -> String {
        match (run.map(|run| &run.error), self.job.people_count()) {
            (Some(None), _) => {
                "The job ran, Standin handed it a new token, and nobody was asked anything."
                    .to_owned()
            }
            (Some(Some(failure)), _) => {
                format!("The job was told {}: sign in again to heal it.", failure.code)
            }
            (None, 0) => "No job runs yet: sign in first.".to_owned(),
            (None, people) => format!(
                "You are signed out, and the job has run all the same ({people} in all). Sign in to see."
            ),
        }
    }

    async fn revoke(&self, headers: &HeaderMap) -> Result<String, Problem> {
        let Visitor { user, email, .. } = self.signed_in(headers).await?;
        self.control.revoke(&email).await?;
        let run = self.job.run(&user).await;
        Ok(format!("Google has taken the permission back. {}", self.what_the_job_did(Some(&run))))
    }

    async fn ask_again(&self, headers: &HeaderMap) -> Result<String, Problem> {
        let visitor = self.signed_in(headers).await?;
        self.control.revoke(&visitor.email).await?;
        Ok("Google asks again. Leave a box unticked this time.".to_owned())
    }

    /// The token must be old enough to be refreshed, and the very next refresh is refused.
    async fn forget(&self, headers: &HeaderMap) -> Result<String, Problem> {
        let visitor = self.signed_in(headers).await?;
        self.control.refuse_next_refresh().await?;
        self.control.advance(AN_HOUR).await?;
        let run = self.job.run(&visitor.user).await;
        // Without a grant there was no refresh, and the fault would meet the next sign-in instead.
        self.control.clear_faults().await?;
        Ok(format!("Google has forgotten the refresh token. {}", self.what_the_job_did(Some(&run))))
    }

    async fn reset(&self) -> Result<String, Problem> {
        self.control.reset().await?;
        self.job.run_all().await;
        self.job.remember();
        Ok("The emulator has forgotten everybody, and its clock is right again. Sign in anew."
            .to_owned())
    }
}
