//! The members of Calendar's resources, in Google's order.

use crate::api::shape::{Shape, nested, plain};

const PERSON: Shape = Shape(&[plain("id"), plain("email"), plain("displayName"), plain("self")]);
const EDGE: Shape = Shape(&[plain("date"), plain("dateTime"), plain("timeZone")]);
const ATTENDEE: Shape = Shape(&[
    plain("id"),
    plain("email"),
    plain("displayName"),
    plain("organizer"),
    plain("self"),
    plain("resource"),
    plain("optional"),
    plain("responseStatus"),
    plain("comment"),
    plain("additionalGuests"),
]);
const REMINDER: Shape = Shape(&[plain("method"), plain("minutes")]);
const REMINDERS: Shape = Shape(&[plain("useDefault"), nested("overrides", &REMINDER)]);
const SOURCE: Shape = Shape(&[plain("url"), plain("title")]);
const ATTACHMENT: Shape = Shape(&[
    plain("fileUrl"),
    plain("title"),
    plain("mimeType"),
    plain("iconLink"),
    plain("fileId"),
]);

pub(super) const EVENT: Shape = Shape(&[
    plain("kind"),
    plain("etag"),
    plain("id"),
    plain("status"),
    plain("htmlLink"),
    plain("created"),
    plain("updated"),
    plain("summary"),
    plain("description"),
    plain("location"),
    plain("colorId"),
    nested("creator", &PERSON),
    nested("organizer", &PERSON),
    nested("start", &EDGE),
    nested("end", &EDGE),
    plain("recurrence"),
    plain("transparency"),
    plain("visibility"),
    plain("iCalUID"),
    plain("sequence"),
    nested("attendees", &ATTENDEE),
    nested("extendedProperties", &Shape(&[plain("private"), plain("shared")])),
    plain("anyoneCanAddSelf"),
    plain("guestsCanInviteOthers"),
    plain("guestsCanModify"),
    plain("guestsCanSeeOtherGuests"),
    nested("reminders", &REMINDERS),
    nested("source", &SOURCE),
    nested("attachments", &ATTACHMENT),
    plain("eventType"),
]);

pub(super) const EVENTS: Shape = Shape(&[
    plain("kind"),
    plain("etag"),
    plain("summary"),
    plain("description"),
    plain("updated"),
    plain("timeZone"),
    plain("accessRole"),
    nested("defaultReminders", &REMINDER),
    plain("nextPageToken"),
    plain("nextSyncToken"),
    nested("items", &EVENT),
]);

const CONFERENCES: Shape = Shape(&[plain("allowedConferenceSolutionTypes")]);

pub(super) const CALENDAR: Shape = Shape(&[
    plain("kind"),
    plain("etag"),
    plain("id"),
    plain("summary"),
    plain("timeZone"),
    nested("conferenceProperties", &CONFERENCES),
]);

pub(super) const ENTRY: Shape = Shape(&[
    plain("kind"),
    plain("etag"),
    plain("id"),
    plain("summary"),
    plain("timeZone"),
    plain("colorId"),
    plain("backgroundColor"),
    plain("foregroundColor"),
    plain("selected"),
    plain("accessRole"),
    nested("defaultReminders", &REMINDER),
    plain("primary"),
    nested("conferenceProperties", &CONFERENCES),
]);

pub(super) const ENTRIES: Shape =
    Shape(&[plain("kind"), plain("etag"), plain("nextSyncToken"), nested("items", &ENTRY)]);

/// What a caller may set in an event. Anything else in a body is ignored, as Google ignores it.
pub(super) const WRITABLE: &[&str] = &[
    "anyoneCanAddSelf",
    "attachments",
    "attendees",
    "colorId",
    "description",
    "end",
    "extendedProperties",
    "guestsCanInviteOthers",
    "guestsCanModify",
    "guestsCanSeeOtherGuests",
    "location",
    "recurrence",
    "reminders",
    "sequence",
    "source",
    "start",
    "status",
    "summary",
    "transparency",
    "visibility",
];
