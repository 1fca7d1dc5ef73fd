//! The service dies in the middle of a sign-in (fault D13): nobody is half there, and whoever it was signs in again.

use std::time::Duration;

use standin::fail_point::FailPoint;

use super::house::{House, Vended};
use super::oracle::{Fate, Ledger, fate, vault_of};
use super::points::deadly;

/// A point, and whether the provider's answer is still good after it.
pub(super) const CASES: &[(FailPoint, bool)] = &[
    (FailPoint::SignInConsume, true),
    (FailPoint::SignInHasConsumed, false),
    (FailPoint::SignInExchange, false),
    (FailPoint::SignInHasExchanged, false),
    (FailPoint::SignInHasVerified, false),
    (FailPoint::SignInSettle, false),
    (FailPoint::DatabaseSignedIn, false),
    (FailPoint::SignInHasSettled, false),
];

pub(super) fn walk(house: &mut House) {
    for (number, (point, is_good)) in CASES.iter().enumerate() {
        dies_at_the_callback(house, *point, *is_good, &format!("visitor{number}@example.com"));
    }
    everybody_is_whole(house);
}

/// Who has signed in is there once, with the token that the provider gave last.
pub(super) fn everybody_is_whole(house: &House) {
    let mut ledger = Ledger::default();
    ledger.look(house);
    let vault = vault_of(house);
    for person in &house.people {
        let stored = &vault[&person.email];
        assert_eq!(fate(&ledger, person, stored), Fate::Whole, "{}: {stored:?}", person.email);
    }
    assert_eq!(users(house), house.people.len(), "somebody is there twice, or half");
}

fn dies_at_the_callback(house: &mut House, point: FailPoint, is_good: bool, email: &str) {
    let mut process = house.start(&deadly(point)).expect("a service that lives");
    house.arrives(email);
    let browser = house.at_the_callback(&process).expect("an answer of the provider");
    assert_eq!(house.comes_back(&process, browser.clone()), None);
    assert!(process.death(Duration::from_secs(30)).is_some(), "{point:?} was not reached");

    let mut process = house.start("").expect("a service that lives");
    // The browser loads the page again.
    let again = house.comes_back(&process, browser);
    assert_eq!(again.is_some(), is_good, "{point:?}\n{}", house.log());
    let person = house.welcome(&process, email);
    assert_eq!(house.vend(&process, &person), Vended::Token);
    house.people.push(person);
    process.kill();
}

/// How many people there are, each with one account and one grant.
fn users(house: &House) -> usize {
    house.runtime.block_on(async {
        let store = standin_store::open(&house.database_url).await.unwrap();
        let users = store.users(None, 10_000).await.unwrap();
        for user in &users {
            assert_eq!(store.accounts_of(user.id).await.unwrap().len(), 1, "{user:?}");
            assert_eq!(store.grants_of(user.id).await.unwrap().len(), 1, "{user:?}");
        }
        users.len()
    })
}
