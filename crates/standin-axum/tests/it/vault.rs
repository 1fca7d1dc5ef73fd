//! The vault under a thief, a vandal and an operator with the wrong file.

use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use http::Method;
use serde_json::json;
use standin::Standin;
use standin::entropy::SystemEntropy;
use standin::vault::{KekError, KeyFile, KeyFileError, VaultError};

use crate::support::{ADA, Caller, GRACE, Wire, World, contains, http_client};

/// As a thief would look for it.
fn spellings(secret: &str) -> Vec<Vec<u8>> {
    let bytes = secret.as_bytes();
    let url: String = form_urlencoded::byte_serialize(bytes).collect();
    let mut spellings = vec![bytes.to_vec(), url.into_bytes()];
    // A base64 text that stands inside a longer one begins at one of three places.
    for skip in 0..3 {
        let whole = &bytes[skip..bytes.len() - (bytes.len() - skip) % 3];
        spellings.push(BASE64.encode(whole).into_bytes());
        spellings.push(BASE64URL_NOPAD.encode(whole).into_bytes());
    }
    spellings.extend([HEXLOWER.encode(bytes).into_bytes(), HEXUPPER.encode(bytes).into_bytes()]);
    spellings
}

#[tokio::test]
async fn vc_1_the_files_hold_no_token_in_any_spelling() {
    let wire = Wire::new();
    let world = World::over(wire.clone(), |_| {}).await;
    let (mut browser, user) = world.signed_in(ADA, "").await;
    let caller = Caller::new(&world, &world.job().await, &user);
    world.google.fault("token", "rotate", json!({})).await;
    world.google.advance(3600).await;
    caller.token().await;
    world.google.fault("revoke", "status", json!({ "status": 503 })).await;
    browser.post("/auth/google/disconnect", json!({})).await.assert_status(200);
    world.signed_in(GRACE, "").await;

    let secrets = wire.secrets();
    assert!(wire.heard("refresh_token").len() == 3 && wire.heard("access_token").len() == 3);
    for bytes in [world.database_bytes(), world.settled_database_bytes()] {
        for (kind, secret) in &secrets {
            for spelling in spellings(secret) {
                assert!(
                    !contains(&bytes, &spelling),
                    "{kind}: {}",
                    String::from_utf8_lossy(&spelling)
                );
            }
        }
        let keys = world.keys.to_toml().unwrap();
        let kek = keys.split('"').find(|part| part.len() == 44).expect("a key in base64");
        assert!(!contains(&bytes, kek.as_bytes()));
        assert!(!contains(&bytes, &BASE64.decode(kek.as_bytes()).unwrap()));
    }
}

/// Two people with jobs.
async fn two() -> (World, Caller, Caller) {
    let world = World::start().await;
    let (_, ada) = world.signed_in(ADA, "").await;
    let (_, grace) = world.signed_in(GRACE, "").await;
    let job = world.job().await;
    let (ada, grace) = (Caller::new(&world, &job, &ada), Caller::new(&world, &job, &grace));
    (world, ada, grace)
}

#[tokio::test]
async fn vc_2_a_ciphertext_in_another_row_opens_for_nobody() {
    for column in ["sealed_access", "sealed_refresh"] {
        let (world, ada, grace) = two().await;
        let tokens = [ada.token().await, grace.token().await];
        if column == "sealed_refresh" {
            world.google.advance(3600).await;
        }
        let rows: Vec<(Vec<u8>, Vec<u8>)> = {
            let connection = world.database();
            let mut all = connection.prepare(&format!("SELECT id, {column} FROM grants")).unwrap();
            let rows = all.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
            rows.map(Result::unwrap).collect()
        };
        for (one, other) in [(0, 1), (1, 0)] {
            let sql = format!("UPDATE grants SET {column} = ?1 WHERE id = ?2");
            world.execute(&sql, rusqlite::params![rows[other].1, rows[one].0]);
        }
        for caller in [&ada, &grace] {
            let answer = caller.ask(json!({})).await;
            answer.assert_refused(500, "vault_error");
            assert!(tokens.iter().all(|token| !answer.body.contains(token)));
        }
        assert_eq!(world.google.count("token_refreshed").await, 0);
        assert_eq!(world.google.count("refresh_refused").await, 0);
        assert_eq!(world.value::<i64>("SELECT count(*) FROM grants WHERE state = 'active'"), 2);
        // Back in their places they open again: nothing was touched.
        for (id, sealed) in &rows {
            world.execute(
                &format!("UPDATE grants SET {column} = ?1 WHERE id = ?2"),
                rusqlite::params![sealed, id],
            );
        }
        ada.token().await;
        grace.token().await;
    }
}

#[tokio::test]
async fn vc_2_one_damaged_grant_is_nobody_elses_trouble() {
    let (world, ada, grace) = two().await;
    ada.token().await;
    let sql = "UPDATE grants SET sealed_access = zeroblob(200) WHERE user_id = (SELECT user_id FROM grants LIMIT 1)";
    assert_eq!(world.execute(sql, []), 1);
    let statuses =
        [ada.ask(json!({})).await.status.as_u16(), grace.ask(json!({})).await.status.as_u16()];
    assert!(statuses == [500, 200] || statuses == [200, 500], "{statuses:?}");
    world.browser().session().await.assert_status(401);
}

/// Terms 1 and 2, beside those on which the grant was given.
const EVIL_CLIENT: &str = "1, 'evil', token_endpoint, scopes, requested";
const EVIL_ENDPOINT: &str = "2, provider_client, 'https://evil.example/token', scopes, requested";

#[tokio::test]
async fn vc_2_whatever_a_ciphertext_is_bound_to_cannot_be_changed_under_it() {
    for change in [
        "sealed_access = sealed_refresh",
        "sealed_refresh = sealed_access, access_expires_at = 0",
        "subject = subject || '0'",
        "issuer = issuer || '/'",
        "terms = 1",
        "terms = 2",
        "terms = 2, access_expires_at = 0",
        "generation = generation + 1",
        "generation = 0",
    ] {
        let world = World::start().await;
        let (_, user) = world.signed_in(ADA, "").await;
        let caller = Caller::new(&world, &world.job().await, &user);
        caller.token().await;
        for terms in [EVIL_CLIENT, EVIL_ENDPOINT] {
            let like_the_first = "FROM grant_terms ORDER BY terms DESC LIMIT 1";
            world.execute(&format!("INSERT INTO grant_terms SELECT {terms} {like_the_first}"), []);
        }
        world.execute(&format!("UPDATE grants SET {change}"), []);
        let answer = caller.ask(json!({})).await;
        assert_eq!(answer.status, 500, "{change}: {}", answer.body);
        assert_eq!(answer.code(), "vault_error", "{change}");
        assert_eq!(world.google.count("token_refreshed").await, 0, "{change}");
    }
}

#[tokio::test]
async fn vc_3_plain_text_in_the_column_is_an_error_and_never_a_token() {
    let world = World::start().await;
    let (mut browser, user) = world.signed_in(ADA, "").await;
    let caller = Caller::new(&world, &world.job().await, &user);
    for plain in ["ya29.plaintext-token-of-somebody", "", "\u{1}", "\u{1}\u{1}\0\0\0\u{1}short"] {
        world.execute("UPDATE grants SET sealed_access = ?1", [plain.as_bytes()]);
        let answer = caller.ask(json!({})).await;
        answer.assert_refused(500, "vault_error");
        assert!(!answer.body.contains("ya29"));
    }
    world.google.advance(3600).await;
    world.execute("UPDATE grants SET sealed_refresh = ?1", [&b"1//plaintext-refresh-token"[..]]);
    caller.ask(json!({})).await.assert_refused(500, "vault_error");
    assert_eq!(world.google.count("refresh_refused").await, 0, "it was not even sent");
    // What needs no token goes on, and no operator's detail gets out.
    let session = browser.session().await;
    session.assert_status(200);
    assert!(!caller.ask(json!({})).await.body.contains("format"));
}

#[tokio::test]
async fn vc_3_an_attempts_cookie_of_ones_own_making_opens_nothing() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let callback = browser.callback_url("").await;
    let (name, value) =
        browser.cookies().iter().find(|(name, _)| name.contains("-att-")).unwrap().clone();
    let sealed = BASE64URL_NOPAD.decode(value.as_bytes()).unwrap();
    for index in [0, 15, 16, 17, 18, 22, 34, sealed.len() / 2, sealed.len() - 1] {
        let mut changed = sealed.clone();
        changed[index] ^= 1;
        browser.set_cookie(&name, &BASE64URL_NOPAD.encode(&changed));
        browser.get(&callback).await.assert_refused(403, "attempt_missing");
    }
    for junk in ["", "AAAA", &value[..value.len() - 1], &format!("{value}A"), &"A".repeat(4000)] {
        browser.set_cookie(&name, junk);
        browser.get(&callback).await.assert_refused(403, "attempt_missing");
    }
    assert_eq!(world.google.count("code_redeemed").await, 0);
}

async fn open_with(world: &World, keys: &KeyFile) -> Result<Standin, VaultError> {
    let store = standin_store::open(&world.database_url()).await.unwrap();
    let client = http_client();
    Standin::builder(world.app.clone(), store, client).build(keys).await
}

#[tokio::test]
async fn vc_7_a_vault_does_not_open_with_another_key_and_is_left_as_it_was() {
    let world = World::start().await;
    world.signed_in(ADA, "").await;
    let dump = world.database_dump();
    let file = || {
        world.settled_database_bytes();
        std::fs::read(world.database_url().trim_start_matches("sqlite://")).unwrap()
    };
    let before = file();

    // Another key under the same name, and a file that does not hold the name at all.
    let other = KeyFile::generate(&SystemEntropy);
    let another = KekError::DoesNotUnwrap;
    assert!(matches!(
        open_with(&world, &other).await,
        Err(VaultError::Unwrap { key: 1, reason, .. }) if *reason == another
    ));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys.toml");
    std::fs::write(&path, other.to_toml().unwrap().replace("k1", "k2")).unwrap();
    restrict(&path);
    let renamed = KeyFile::read(&path).unwrap();
    assert!(matches!(open_with(&world, &renamed).await, Err(VaultError::NotNamed { .. })));

    assert_eq!(world.database_dump(), dump);
    assert!(file() == before, "not a byte is changed");
    assert!(open_with(&world, &world.keys).await.is_ok());
}

#[tokio::test]
async fn vc_7_a_data_key_that_was_tampered_with_is_not_replaced() {
    let world = World::start().await;
    world.signed_in(ADA, "").await;
    for change in ["wrapped = zeroblob(60)", "wrapped = x''", "id = 2", "wrapped_by = 'k9'"] {
        let fresh = World::start().await;
        fresh.signed_in(ADA, "").await;
        fresh.execute(&format!("UPDATE data_keys SET {change}"), []);
        let dump = fresh.database_dump();
        assert!(open_with(&fresh, &fresh.keys).await.is_err(), "{change}");
        assert_eq!(fresh.database_dump(), dump, "{change}");
    }
}

pub(crate) fn restrict(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[tokio::test]
async fn vc_10_a_key_is_found_by_its_hash_and_sql_in_it_is_only_a_wrong_key() {
    let world = World::start().await;
    let (_, user) = world.signed_in(ADA, "").await;
    world.job().await;
    let path = format!("/v1/users/{user}/grants/google/token");
    for key in ["sk_' OR '1'='1", "sk_%", "sk_\" OR 1=1 --", "sk_*"] {
        let bearer = format!("Bearer {key}");
        let answer = world
            .browser()
            .send(Method::POST, &path, &[("authorization", &bearer)], String::new())
            .await;
        answer.assert_refused(401, "invalid_client");
    }
}

#[test]
fn vc_9_a_key_file_that_others_can_read_is_not_read() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys.toml");
    std::fs::write(&path, KeyFile::generate(&SystemEntropy).to_toml().unwrap().as_bytes()).unwrap();
    for (mode, is_read) in [
        (0o600, true),
        (0o400, true),
        (0o640, false),
        (0o604, false),
        (0o644, false),
        (0o620, false),
        (0o601, false),
        (0o666, false),
    ] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let read = KeyFile::read(&path);
        assert_eq!(read.is_ok(), is_read, "{mode:o}");
        assert!(is_read || matches!(read, Err(KeyFileError::TooOpen)), "{mode:o}");
    }
}

#[test]
fn vc_8_no_error_and_no_debug_of_a_key_file_quotes_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys.toml");
    let keys = KeyFile::generate(&SystemEntropy);
    let text = keys.to_toml().unwrap();
    let secret = text.split('"').find(|part| part.len() == 44).unwrap();
    assert!(!format!("{keys:?}").contains(secret));
    for broken in [
        text.replace("secret", "secrte"),
        text.replace("k1", "\"k1"),
        text.replace("active", "# active"),
        format!("{}\nmore = 1", text.as_str()),
        text.replace("\"\n", "\n"),
    ] {
        std::fs::write(&path, &broken).unwrap();
        restrict(&path);
        let error = KeyFile::read(&path).expect_err("a broken file");
        assert!(!format!("{error} {error:?}").contains(&secret[..8]), "{error:?}");
    }
}
