//! A page of the provider whose form posts itself to the app (`response_mode=form_post`).

use http::Method;
use url::Url;

use super::{Answer, Browser};

/// The answer of an authorization request, before it is posted.
#[derive(Clone, Debug)]
pub struct Form {
    pub action: Url,
    /// Where the page stands.
    pub origin: String,
    pub fields: Vec<(String, String)>,
}

impl Form {
    /// The form on a page, if it is such a page.
    pub fn on(page: &Answer) -> Option<Self> {
        let (_, form) = page.body.split_once("<form id=\"form-post\"")?;
        let (form, _) = form.split_once("</form>")?;
        let inputs = form.split("<input type=\"hidden\"").skip(1);
        let field = |input: &str| (attribute(input, "name"), attribute(input, "value"));
        Some(Self {
            action: Url::parse(&attribute(form, "action")).unwrap(),
            origin: page.url.origin().ascii_serialization(),
            fields: inputs.map(field).collect(),
        })
    }

    #[track_caller]
    pub fn get(&self, name: &str) -> &str {
        let field = self.fields.iter().find(|(known, _)| known == name);
        &field.unwrap_or_else(|| panic!("no {name} in {:?}", self.fields)).1
    }

    pub fn without(&self, name: &str) -> Self {
        let mut changed = self.clone();
        changed.fields.retain(|(known, _)| known != name);
        changed
    }

    /// With one more field, which may stand there already.
    pub fn adding(&self, name: &str, value: &str) -> Self {
        let mut changed = self.clone();
        changed.fields.push((name.to_owned(), value.to_owned()));
        changed
    }

    /// With another value.
    pub fn with(&self, name: &str, value: &str) -> Self {
        self.without(name).adding(name, value)
    }

    pub fn body(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.fields).finish()
    }
}

fn attribute(tag: &str, name: &str) -> String {
    let (_, rest) = tag.split_once(&format!("{name}=\"")).unwrap();
    let value = rest.split('"').next().unwrap();
    let escapes = [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")];
    escapes.iter().fold(value.to_owned(), |text, (escape, plain)| text.replace(escape, plain))
}

impl Browser {
    /// The form with which the provider answers what this query begins.
    pub async fn form(&mut self, query: &str) -> Form {
        let authorization = self.begin(query).await;
        self.form_for(&authorization).await
    }

    /// The same, for a request that was begun.
    pub async fn form_for(&mut self, authorization: &Url) -> Form {
        let mut answer = self.get(authorization).await;
        while answer.status.is_redirection() {
            answer = self.get(answer.location()).await;
        }
        Form::on(&answer).unwrap_or_else(|| panic!("no form: {} {}", answer.url, answer.body))
    }

    /// Posts a form as the provider's page does: from another site, so that only cookies which cross sites go along.
    pub async fn submit(&mut self, form: &Form) -> Answer {
        self.submit_as(form, "application/x-www-form-urlencoded", form.body()).await
    }

    /// The same, with a body that says it is something else.
    pub async fn submit_as(&mut self, form: &Form, kind: &str, body: String) -> Answer {
        let headers = [
            ("content-type", kind),
            ("origin", form.origin.as_str()),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
        ];
        self.stays_at_home(true);
        let answer = self.send(Method::POST, form.action.as_str(), &headers, body).await;
        self.stays_at_home(false);
        answer
    }
}
