//! What becomes of an answer, or of a question without one, when others have been at the grant.

use super::*;

/// By how much a clock is wrong.
const WRONG: Duration = Duration::from_hours(2);

/// Whether the row has the newest token although a clock that was ahead has said when the one before was given. Its node dies
/// over the answer, or does not reach the database with it.
pub(in super::super) async fn brings_an_answer_to_a_row_from_the_future(dies: bool) -> bool {
    let mut world = World::new(1, WITHOUT).await;
    world.consent_anew(world.ground.now().after(WRONG)).await;
    world.start(0).await;
    if dies {
        world.machines[0].die_before("commit");
        drop(timeout(Duration::from_secs(5), world.demand_of(0)).await);
        world.nodes[0].take().unwrap().upkeep.abort();
        world.start(0).await;
    } else {
        world.machines[0].hold_up("commit");
        world.demand_of(0).await;
    }
    sleep(Duration::from_secs(20)).await;
    world.given_and_kept().await == (1, true) && world.ground.provider.record().refused == 0
}

/// Whether a grant lives again that died because one node had the answer and another had taken the lease since, both of
/// which were away; nothing but time passes on the node that has the answer in its journal.
pub(in super::super) async fn brings_a_spare_to_a_grant_that_has_died() -> bool {
    let mut world = World::new(1, WITHOUT).await;
    world.start(1).await;
    world.machines[1].die_before("commit");
    drop(timeout(Duration::from_secs(5), world.ask(1)).await);
    world.nodes[1].take().unwrap().upkeep.abort();
    sleep(Duration::from_secs(15)).await;
    world.leave_lease().await;
    world.start(0).await;
    sleep(Duration::from_secs(6)).await;
    let has_died = world.grants().await[0].reason == Some(ReauthReason::RotationLost);
    world.machines[0].takes_over(&world.machines[1]);
    // The provider has ended the family for the token that was spent twice; the answer comes to its row all the same.
    let before = world.generations().await;
    sleep(Duration::from_secs(70)).await;
    has_died && world.generations().await == before + 1
}

/// Whether an answer comes to its row although the database goes away while it is on its way, for so long.
pub(in super::super) async fn brings_an_answer_to_who_was_away(away: Duration) -> (usize, bool) {
    let mut world = World::new(1, WITHOUT).await;
    world.start(0).await;
    world.is_on_its_way().await;
    // Nobody brings what the journal has.
    world.nodes[0].as_ref().unwrap().upkeep.abort();
    world.machines[0].lose_database(away);
    sleep(away + Duration::from_secs(5)).await;
    world.given_and_kept().await
}

/// How long somebody on another node waits for a provider that wants to be left alone for half a minute.
pub(in super::super) async fn waits_for_who_wants_to_be_left_alone() -> Duration {
    let mut world = World::new(1, WITHOUT).await;
    world.start(0).await;
    world.start(1).await;
    world.ground.provider.stumble_once(Duration::from_secs(30));
    world.demand_of(0).await;
    let began = Instant::now();
    world.demand_of(1).await;
    began.elapsed()
}

/// How often a provider is asked that wants to be left alone for half a minute, until that is over, and in all.
pub(in super::super) async fn asks_who_wants_to_be_left_alone(rules: Rules) -> (usize, usize) {
    const REST: Duration = Duration::from_secs(30);
    const NEARLY: Duration = Duration::from_secs(25);
    let mut world = World::new(1, rules).await;
    for index in 0..NODES {
        world.start(index).await;
    }
    world.ground.provider.stumble_once(REST);
    world.demand_of(0).await;
    sleep(NEARLY).await;
    let meanwhile = world.ground.provider.record().asked;
    sleep(Duration::from_secs(20)).await;
    (meanwhile, world.ground.provider.record().asked)
}
