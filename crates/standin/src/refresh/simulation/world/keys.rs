//! What becomes of tokens where a node cannot have a key.

use super::*;
use crate::Revoked;
use crate::entropy::SystemEntropy;
use crate::error::Error;
use crate::store::{DataKeyRow, DataKeys as _};
use crate::vault::Rotation;

const CORP: &str = "corp.example";
/// Longer than it takes until every process knows of a new key.
const SETTLED: Duration = Duration::from_secs(10);
/// Longer than a key that could not be had is left alone.
const TRIED_AGAIN: Duration = Duration::from_mins(1);

/// How many tokens a provider has given for a grant, all of which are in its row: once before its tenant's new key is the
/// active one, which the node cannot have; then, when it has just been started; and once it can.
pub(in super::super) async fn asks_while_a_new_key_is_away() -> [(usize, bool); 3] {
    let mut world = World::new(1, WITHOUT).await;
    world.moves_to_a_tenant().await;
    world.start(0).await;
    world.demand_of(0).await;
    let before = world.given_and_kept().await;
    let rotation = world.rotation().await;
    let key = rotation.add_for(CORP).await.unwrap();
    let here = world.change_key(key, elsewhere).await;
    sleep(SETTLED).await;
    let activated_at = Some(world.ground.now());
    world.change_key(key, |row| DataKeyRow { activated_at, ..row }).await;
    // It does not know what was the active one before.
    if let Some(node) = world.nodes[0].take() {
        node.upkeep.abort();
    }
    world.start(0).await;
    world.demand_of(0).await;
    let meanwhile = world.given_and_kept().await;
    world.change_key(key, |row| DataKeyRow { wrapped_by: here.wrapped_by, ..row }).await;
    sleep(TRIED_AGAIN).await;
    world.demand_of(0).await;
    [before, meanwhile, world.given_and_kept().await]
}

/// How many tokens a provider has given, and whether the last one is in its row: while it was on its way the key of its
/// tenant was replaced by one that the node cannot have; and then, when it can, and has lost its journal. And how often the
/// database was told of it.
pub(in super::super) async fn answers_while_a_key_is_replaced() -> ([(usize, bool); 2], usize) {
    let mut world = World::new(1, WITHOUT).await;
    world.moves_to_a_tenant().await;
    let before = world.tenants_key().await;
    let rotation = world.rotation().await;
    let key = rotation.add_for(CORP).await.unwrap();
    let here = world.change_key(key, elsewhere).await;
    world.start(0).await;
    world.is_on_its_way().await;
    let now = Some(world.ground.now());
    world.change_key(key, |row| DataKeyRow { activated_at: now, ..row }).await;
    world.change_key(before, |row| DataKeyRow { retired_at: now, ..row }).await;
    sleep(TRIED_AGAIN * 2).await;
    let meanwhile = world.given_and_kept().await;
    world.machines[0].loses_its_journal();
    world.change_key(key, |row| DataKeyRow { wrapped_by: here.wrapped_by, ..row }).await;
    sleep(TRIED_AGAIN).await;
    let after = world.given_and_kept().await;
    let story = world.ground.story.lock().unwrap();
    let told = story.iter().filter(|line| line.ends_with("commit is done")).count();
    ([meanwhile, after], told)
}

/// What comes of it when a user takes back what a key has sealed that the node does not know, and cannot read its keys just
/// then; and a moment later, as well.
pub(in super::super) async fn takes_back_what_an_unknown_key_has_sealed() -> [Option<Revoked>; 3] {
    let mut world = World::new(1, WITHOUT).await;
    world.start(0).await;
    let Some(node) = &world.nodes[0] else { return [None; 3] };
    // Nothing but this is to make it read its keys.
    node.upkeep.abort();
    world.moves_to_a_tenant().await;
    let grant = world.grants().await.remove(0);
    world.machines[0].hold_up("keys");
    let mut taken_back = [None; 3];
    for (nth, came) in taken_back.iter_mut().enumerate() {
        *came = match node.standin.revocations().take_back(grant.clone()).await {
            Err(Error::Store(_)) => None,
            done => Some(done.unwrap()),
        };
        sleep(Duration::from_millis(1_500 * nth as u64)).await;
    }
    taken_back
}

/// What comes of it when a user takes back what a key has sealed that the node cannot have; and then, when it can.
pub(in super::super) async fn takes_back_what_is_under_a_key_that_is_away() -> [Option<Revoked>; 2]
{
    let mut world = World::new(1, WITHOUT).await;
    world.moves_to_a_tenant().await;
    let key = world.tenants_key().await;
    let here = world.change_key(key, elsewhere).await;
    world.start(0).await;
    let Some(node) = &world.nodes[0] else { return [None; 2] };
    let grant = world.grants().await.remove(0);
    let meanwhile = node.standin.revocations().take_back(grant.clone()).await;
    world.change_key(key, |row| DataKeyRow { wrapped_by: here.wrapped_by, ..row }).await;
    sleep(TRIED_AGAIN).await;
    [meanwhile.ok(), node.standin.revocations().take_back(grant).await.ok()]
}

/// Whether the lease of somebody who has died over an answer stays where it was in the queue, while the key that has sealed
/// the answer is away.
pub(in super::super) async fn keeps_its_place_whose_answer_does_not_open() -> bool {
    let mut world = World::new(1, WITHOUT).await;
    world.moves_to_a_tenant().await;
    let key = world.rotation().await.add_for(CORP).await.unwrap();
    let now = Some(world.ground.now());
    world.change_key(key, |row| DataKeyRow { activated_at: now, ..row }).await;
    world.start(0).await;
    world.machines[0].die_before("commit");
    drop(timeout(Duration::from_secs(5), world.demand_of(0)).await);
    world.nodes[0].take().unwrap().upkeep.abort();
    world.change_key(key, elsewhere).await;
    sleep(Duration::from_secs(15)).await;
    let due = world.ground.now();
    let queue = world.database.overdue_refreshes(due, 1).await.unwrap();
    assert_eq!(queue, [samples::grant_id(0)]);
    world.start(0).await;
    sleep(Duration::from_secs(5)).await;
    world.database.overdue_refreshes(due, 1).await.unwrap() == queue
}

fn elsewhere(row: DataKeyRow) -> DataKeyRow {
    DataKeyRow { wrapped_by: "elsewhere".to_owned(), ..row }
}

impl World {
    /// The first grant is one of a tenant's.
    async fn moves_to_a_tenant(&self) {
        let (vault, stored, now) =
            (self.vault().await, self.grants().await.remove(0), self.ground.now());
        vault.prepare(Some(CORP), &SystemEntropy).await.unwrap();
        let token = vault.open_refresh(&stored).unwrap().unwrap();
        let access = vault.open_access(&stored).unwrap().unwrap();
        let tokens = {
            let binding = Binding::of(&stored, stored.generation).of_tenant(Some(CORP));
            vault.seal_tokens(&binding, &access, Some(&token), now, &SystemEntropy).unwrap()
        };
        let moved = Grant { tokens, version: stored.version + 1, ..stored };
        self.database.replace_grant(moved, None).await.unwrap();
    }

    /// The first one.
    async fn tenants_key(&self) -> u32 {
        let keys = self.database.data_keys().await.unwrap();
        keys.iter().find(|row| row.tenant.as_deref() == Some(CORP)).unwrap().id
    }

    async fn rotation(&self) -> Rotation {
        let (clock, store) = (Arc::new(self.machines[0].begin()), Arc::clone(&self.database));
        Rotation::open(&self.keys, store, clock, Arc::new(SystemEntropy)).await.unwrap()
    }

    /// As it was before.
    async fn change_key(
        &self,
        id: u32,
        change: impl FnOnce(DataKeyRow) -> DataKeyRow,
    ) -> DataKeyRow {
        let rows = self.database.data_keys().await.unwrap();
        let row = rows.into_iter().find(|row| row.id == id).unwrap();
        let version = row.version + 1;
        let changed = DataKeyRow { version, ..change(row.clone()) };
        self.database.replace_data_key(changed).await.unwrap();
        row
    }
}
