//! How long work that nobody waits for goes through rows, beside a service whose every request somebody waits for.
//!
//! A scheduler lets whoever runs go on to the end of a slice, some milliseconds, and a request that wakes up meanwhile
//! waits for as many. So the processor is offered every few rows. It is offered and not left to others altogether (Linux'
//! `SCHED_IDLE`): a full machine would give such work nothing, with a transaction of it open that all writes wait for.

/// Some tenths of a millisecond of work. Where others wait for the processor, each offer costs a slice of theirs.
const ROWS_AT_A_TIME: usize = 8;

/// These rows, and between them the processor for whoever waits for it.
pub fn unhurried<T>(rows: impl IntoIterator<Item = T>) -> impl Iterator<Item = T> {
    rows.into_iter().enumerate().map(|(number, row)| {
        if number % ROWS_AT_A_TIME == 0 {
            std::thread::yield_now();
        }
        row
    })
}
