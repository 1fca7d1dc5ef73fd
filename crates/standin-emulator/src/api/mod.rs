//! Calendar v3 and Drive v3, as far as offline jobs need them and as strict as Google is there.
//!
//! `call` is the way through for every method; `calendar` and `drive` hold one file per method and
//! their state. What both share is pure: `shape` (member order), `fields` (partial answers), `params`
//! (the query), `refusal` (errors), `time`.

pub(crate) mod calendar;
mod call;
pub(crate) mod drive;
mod fields;
mod params;
mod refusal;
mod shape;
mod time;

pub(crate) use self::refusal::MISSING_CREDENTIAL;
