//! The APIs that a token is good for: enough of Calendar and Drive to see what a token may do.

use super::source::{
    CALENDAR as CALENDAR_PAGE, CALENDAR_ERRORS, CALENDAR_SYNC, DRIVE as DRIVE_PAGE, DRIVE_SEARCH,
    DRIVE_UPLOADS, OURS, SEEN,
};
use super::{Row, not, partly, yes};

pub(super) const COMMON: [Row; 7] = [
    yes("No token, a bad token, a weak token: 401 and 403 with Google's bodies and headers")
        .from(&[CALENDAR_ERRORS, SEEN])
        .by(&[
            "it::api::no_token_and_a_bad_one_are_told_apart_before_anything_else_is_looked_at",
            "it::api::a_token_too_weak_is_told_which_scopes_would_do",
            "interop:node/google.test.mjs a token without the scope is refused with the list of scopes that would do",
        ]),
    yes("A token in the header or in the query")
        .from(&[SEEN])
        .by(&["it::api::a_token_may_come_in_the_query"]),
    yes("`fields`, `prettyPrint`, `ETag` with `If-None-Match`").from(&[CALENDAR_PAGE, DRIVE_PAGE]).by(&[
        "it::drive::fields_choose_what_is_answered",
        "it::api::what_a_client_has_already_is_not_sent_again_and_fields_are_checked_first",
    ]),
    yes("Each user has one calendar and one Drive of their own")
        .from(&[OURS])
        .by(&["it::api::each_user_has_a_calendar_and_a_drive_of_their_own"]),
    yes("Quotas and rate limits, when ordered")
        .from(&[CALENDAR_ERRORS])
        .by(&["it::api::a_rate_limit_can_be_scripted_for_one_call"]),
    not("Batches", "clients send the same calls one by one")
        .at(&["POST /batch", "POST /batch/calendar/v3", "POST /batch/drive/v3"])
        .from(&[CALENDAR_PAGE, DRIVE_PAGE]),
    not(
        "Gmail, Contacts, Tasks, YouTube and every other API",
        "their scopes can be granted, which is what a sign-in needs; an API is more than its tokens",
    )
    .at(&[
        "GET /gmail/v1/users/me/profile",
        "GET /v1/people/me",
        "GET /tasks/v1/users/@me/lists",
        "GET /youtube/v3/channels",
    ])
    .from(&[OURS]),
];

pub(super) const CALENDAR: [Row; 10] = [
    yes("Events: list, with bounds, search, order and pages")
        .at(&["GET /calendar/v3/calendars/{calendar}/events"])
        .from(&[CALENDAR_PAGE])
        .by(&[
            "it::calendar::a_list_has_googles_members_in_googles_order",
            "it::calendar::a_list_is_bounded_in_time_searched_and_sorted",
            "it::calendar::pages_follow_each_other_and_only_the_last_has_a_sync_token",
        ]),
    yes("Events: insert")
        .at(&["POST /calendar/v3/calendars/{calendar}/events"])
        .from(&[CALENDAR_PAGE])
        .by(&[
            "it::calendar::an_event_has_googles_members_in_googles_order",
            "it::calendar::what_cannot_be_an_event_is_refused_with_googles_text",
            "it::calendar::an_id_is_taken_once_even_by_a_deleted_event",
            "interop:node/google.test.mjs calendar: what is inserted is listed, changed and deleted",
        ]),
    yes("Events: get, update, patch, delete, with `If-Match`")
        .at(&[
            "GET /calendar/v3/calendars/{calendar}/events/{event}",
            "PUT /calendar/v3/calendars/{calendar}/events/{event}",
            "PATCH /calendar/v3/calendars/{calendar}/events/{event}",
            "DELETE /calendar/v3/calendars/{calendar}/events/{event}",
        ])
        .from(&[CALENDAR_PAGE])
        .by(&[
            "it::calendar::a_patch_changes_parts_and_an_update_replaces",
            "it::calendar::a_change_of_a_version_that_is_no_more_is_refused",
            "it::calendar::the_etag_is_twice_the_time_of_the_change_in_milliseconds",
        ]),
    yes("Synchronization by `syncToken`, good for 30 days, then 410").from(&[CALENDAR_SYNC]).by(&[
        "it::calendar::a_sync_token_brings_what_has_changed_since_deletions_included",
        "it::calendar::a_sync_token_that_is_too_old_asks_for_a_new_beginning",
    ]),
    partly("Calendars and the list of them", "there is one, `primary`, which cannot be changed")
        .at(&["GET /calendar/v3/calendars/{calendar}", "GET /calendar/v3/users/me/calendarList"])
        .from(&[CALENDAR_PAGE])
        .by(&["it::calendar::the_calendar_itself_answers_to_primary_and_to_the_address"]),
    partly("Recurring events", "stored and not expanded")
        .from(&[CALENDAR_PAGE])
        .by(&["it::calendar::a_recurring_event_is_stored_and_not_expanded"]),
    partly("Invitations (`sendUpdates`)", "checked, and nothing is sent")
        .from(&[CALENDAR_PAGE])
        .by(&["it::calendar::what_cannot_be_an_event_is_refused_with_googles_text"]),
    not("Instances, import, moving, quick adding", "they say nothing about a token")
        .at(&[
            "GET /calendar/v3/calendars/{calendar}/events/{event}/instances",
            "POST /calendar/v3/calendars/{calendar}/events/import",
            "POST /calendar/v3/calendars/{calendar}/events/{event}/move",
            "POST /calendar/v3/calendars/{calendar}/events/quickAdd",
        ])
        .from(&[CALENDAR_PAGE]),
    not("Free and busy times, sharing, colours, settings", "they say nothing about a token")
        .at(&[
            "POST /calendar/v3/freeBusy",
            "GET /calendar/v3/calendars/{calendar}/acl",
            "GET /calendar/v3/colors",
            "GET /calendar/v3/users/me/settings",
        ])
        .from(&[CALENDAR_PAGE]),
    not(
        "Notifications (`watch`)",
        "they say nothing about a token",
    )
    .at(&["POST /calendar/v3/calendars/{calendar}/events/watch", "POST /calendar/v3/channels/stop"])
    .from(&[CALENDAR_PAGE]),
];

pub(super) const DRIVE: [Row; 12] = [
    yes("Files: list, with `q`, `orderBy`, `spaces` and pages")
        .at(&["GET /drive/v3/files"])
        .from(&[DRIVE_PAGE, DRIVE_SEARCH])
        .by(&["it::drive::a_list_is_searched_sorted_and_cut_into_pages"]),
    yes("Files: create, folders too")
        .at(&["POST /drive/v3/files"])
        .from(&[DRIVE_PAGE])
        .by(&["it::drive::media_alone_is_an_untitled_file_and_metadata_alone_an_empty_one"]),
    yes("Files: get, download (`alt=media`, with `Range`), change, delete")
        .at(&[
            "GET /drive/v3/files/{file}",
            "PATCH /drive/v3/files/{file}",
            "DELETE /drive/v3/files/{file}",
        ])
        .from(&[DRIVE_PAGE])
        .by(&[
            "it::drive::metadata_changes_by_patch_and_content_by_upload",
            "it::drive::what_is_deleted_is_gone_with_all_that_was_inside",
            "interop:node/google.test.mjs drive: what is uploaded is listed and read back",
        ]),
    yes("Uploads: `media`, `multipart`")
        .at(&["POST /upload/drive/v3/files", "PATCH /upload/drive/v3/files/{file}"])
        .from(&[DRIVE_UPLOADS])
        .by(&[
            "it::drive::an_upload_answers_with_four_members_and_comes_back_as_it_went",
            "it::drive::one_body_holds_five_mebibytes_and_other_bodies_less",
        ]),
    yes("Uploads in pieces (`resumable`), asked where they were cut, and cancelled")
        .at(&[
            "PUT /upload/drive/v3/files",
            "DELETE /upload/drive/v3/files",
            "PUT /upload/drive/v3/files/{file}",
            "DELETE /upload/drive/v3/files/{file}",
        ])
        .from(&[DRIVE_UPLOADS])
        .by(&[
            "it::drive::a_resumable_upload_goes_on_where_it_was_cut",
            "interop:python/test_google_unmodified.py drive an upload that is interrupted goes on where it stopped",
            "it::drive::wrong_ranges_are_refused_and_cost_nothing",
            "it::drive::an_unknown_session_is_not_found_and_a_cancelled_one_is_unknown",
        ]),
    yes("`drive.file` sees what its own project made; `drive.appdata` a space of its own")
        .from(&[DRIVE_PAGE])
        .by(&[
            "it::drive::drive_file_sees_only_what_its_own_project_made",
            "it::drive::application_data_is_a_space_of_its_own",
        ]),
    yes("About")
        .at(&["GET /drive/v3/about"])
        .from(&[DRIVE_PAGE])
        .by(&["it::drive::about_needs_fields"]),
    partly("The quota", "64 MiB and 10,000 files for each user, then `storageQuotaExceeded`")
        .from(&[DRIVE_PAGE])
        .by(&["it::drive::a_full_drive_takes_no_more"]),
    partly("Downloads", "only types that no browser runs, and always as an attachment")
        .from(&[OURS])
        .by(&["it::drive::a_download_may_be_partial_and_is_never_a_page"]),
    not("Permissions, comments, revisions, copies", "they say nothing about a token")
        .at(&[
            "GET /drive/v3/files/{file}/permissions",
            "GET /drive/v3/files/{file}/comments",
            "GET /drive/v3/files/{file}/revisions",
            "POST /drive/v3/files/{file}/copy",
        ])
        .from(&[DRIVE_PAGE]),
    not("Documents of Google's own types and their export", "there is no editor to make one")
        .at(&["GET /drive/v3/files/{file}/export"])
        .from(&[DRIVE_PAGE]),
    not(
        "Shared drives, the list of changes, generated ids, `watch`",
        "they say nothing about a token",
    )
    .at(&["GET /drive/v3/drives", "GET /drive/v3/changes", "POST /drive/v3/files/{file}/watch"])
    .from(&[DRIVE_PAGE]),
];
