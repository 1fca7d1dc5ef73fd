//! Whether the time of an answer tells who has an account (requirement LS-6): a job asks for the token of somebody who
//! has taken everything back, and of somebody whom nobody knows. Both get the same words; this looks at the clock.

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, ensure};

use crate::http::{address, request};
use crate::load::Connection;
use crate::report::{Row, median};
use crate::world::World;

/// Of each, in turns.
const SAMPLES: usize = 1_000;
/// What a stranger on the same network could hope to see.
const VISIBLE_MS: f64 = 20.0;

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
pub(crate) async fn of_answers(binary: &Path) -> Result<Row> {
    let world = World::new().await?;
    let service = world.serve(binary)?;
    let ada = world.sign_in(&service).await?;
    world.take_back(&service, &ada).await?;
    let bearer = format!("Bearer {}", world.client_key);
    let vend = |user: &str| {
        let path = format!("/v1/users/{user}/grants/google/token");
        request("POST", &path, &world.host(), &[("authorization", &bearer)])
    };
    let unknown: String = ada.user.chars().rev().take(10).collect();
    let unknown = format!("{}{unknown}", &ada.user[..ada.user.len() - 10]);
    let requests = [vend(&ada.user), vend(&unknown)];
    let mut connection = Connection::open(address(&service)?)?;
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..SAMPLES {
        for (request, times) in requests.iter().zip(&mut times) {
            let start = Instant::now();
            let status = connection.ask(request)?;
            times.push(start.elapsed().as_secs_f64() * 1000.0);
            ensure!(status == 404, "somebody without a grant was answered {status}");
        }
    }
    let [known, unknown] = times.map(median);
    let apart = (known - unknown).abs();
    Ok(Row {
        work: "vend for somebody without a grant".to_owned(),
        ours: format!("{known:.3} ms"),
        beside: format!("for nobody {unknown:.3} ms"),
        result: format!("{apart:.3} ms apart"),
        goal: "< 20 ms (nobody is given away)",
        is_reached: apart < VISIBLE_MS,
    })
}
