//! The user's own page: what it shows, and what its forms do without a script.

use http::Method;

use crate::support::{ADA, Answer, Browser, CALENDAR, GRACE, World};

async fn page(browser: &mut Browser) -> Answer {
    browser.accept_html();
    let page = browser.get("/account").await;
    page.assert_status(200);
    page
}

/// Presses the button of the form with this action and these hidden fields, as a browser does.
async fn press(browser: &mut Browser, action: &str, fields: &str) -> Answer {
    let origin = browser.origin();
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("origin", origin.as_str()),
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-dest", "document"),
    ];
    browser.send(Method::POST, action, &headers, fields.to_owned()).await
}

#[tokio::test]
async fn sc_14_the_page_shows_what_there_is_and_no_secret() {
    let world = World::start().await;
    let (mut browser, user) = world.signed_in(ADA, &format!("?scope={CALENDAR}")).await;
    let shown = page(&mut browser).await;
    for part in
        [ADA, "this browser", CALENDAR, &user, "Link an account at Google", "It is the only one"]
    {
        assert!(shown.body.contains(part), "{part}: {}", shown.body);
    }
    assert!(!shown.body.contains("/unlink"), "the last account has no such button");
    assert_eq!(shown.headers["referrer-policy"], "same-origin");
    assert_eq!(shown.headers["cache-control"], "no-store");
    let policy = shown.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
    assert!(policy.contains(&format!("form-action 'self' https: {};", world.google.origin())));
    world.assert_tells_nothing(&shown).await;
    let session = browser.cookie("__Host-standin").unwrap();
    assert!(!shown.body.contains(session));
}

#[tokio::test]
async fn what_somebody_calls_themselves_is_text_and_nothing_else() {
    let world = World::start().await;
    let (mut browser, _) = world.signed_in(ADA, "").await;
    world.execute("UPDATE users SET name = ?1", ["<script>alert(1)</script>"]);
    world.execute("UPDATE identities SET email = ?1", ["\"><img src=x onerror=alert(1)>@x"]);
    let shown = page(&mut browser).await;
    assert!(!shown.body.contains("<script") && !shown.body.contains("<img"), "{}", shown.body);
}

#[tokio::test]
async fn sc_14_each_form_of_the_page_does_what_it_says() {
    let world = World::start().await;
    let (mut browser, user) = world.signed_in(ADA, "").await;
    let (mut other, _) = world.signed_in(ADA, "").await;
    let theirs = other.session().await.json()["session"]["id"].as_str().unwrap().to_owned();
    let own = world.url("/account");

    world.google.allow(GRACE).await;
    let begun = press(&mut browser, "/auth/google/link", "return_to=%2Faccount").await;
    let callback = browser.answer_to(&begun.location()).await;
    assert_eq!(browser.get(&callback).await.location(), own);
    let shown = page(&mut browser).await;
    assert!(shown.body.contains(GRACE) && shown.body.contains("/auth/google/unlink"));
    let session = browser.session().await.json();
    let mut all = session["identities"].as_array().unwrap().iter();
    let graces = all.find(|identity| identity["email"] == GRACE).unwrap()["subject"].clone();
    let subject = format!("subject={}", graces.as_str().unwrap());

    let done = press(&mut browser, "/auth/google/disconnect", &subject).await;
    assert_eq!((done.status.as_u16(), done.location()), (303, own.clone()));
    let done = press(&mut browser, "/auth/google/unlink", &subject).await;
    assert_eq!((done.status.as_u16(), done.location()), (303, own.clone()));
    assert!(!page(&mut browser).await.body.contains(GRACE));
    let done = press(&mut browser, &format!("/auth/sessions/{theirs}/end"), "").await;
    assert_eq!((done.status.as_u16(), done.location()), (303, own.clone()));
    other.session().await.assert_refused(401, "unauthenticated");
    let gone = press(&mut browser, &format!("/auth/sessions/{theirs}/end"), "").await;
    assert_eq!((gone.status.as_u16(), gone.any_code().as_str()), (404, "no_session"));

    let done = press(
        &mut browser,
        "/auth/delete-account",
        &format!("confirm={user}&return_to=%2Faccount"),
    )
    .await;
    assert_eq!((done.status.as_u16(), done.location()), (303, own));
    let shown = page(&mut browser).await;
    assert!(shown.body.contains("You are signed out"), "{}", shown.body);
    assert!(shown.body.contains("/auth/google/login?return_to=/account"));
    assert_eq!(world.value::<i64>("SELECT count(*) FROM users"), 0);
}
