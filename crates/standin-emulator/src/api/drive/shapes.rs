//! The members of Drive's resources, in Google's order.

use crate::api::shape::{Shape, nested, plain};

const USER: Shape = Shape(&[
    plain("kind"),
    plain("displayName"),
    plain("photoLink"),
    plain("me"),
    plain("permissionId"),
    plain("emailAddress"),
]);

pub(super) const FILE: Shape = Shape(&[
    plain("kind"),
    plain("id"),
    plain("name"),
    plain("mimeType"),
    plain("description"),
    plain("starred"),
    plain("trashed"),
    plain("explicitlyTrashed"),
    plain("parents"),
    plain("properties"),
    plain("appProperties"),
    plain("spaces"),
    plain("version"),
    plain("webContentLink"),
    plain("webViewLink"),
    plain("createdTime"),
    plain("modifiedTime"),
    nested("owners", &USER),
    nested("lastModifyingUser", &USER),
    plain("shared"),
    plain("ownedByMe"),
    plain("originalFilename"),
    plain("fullFileExtension"),
    plain("fileExtension"),
    plain("md5Checksum"),
    plain("sha1Checksum"),
    plain("sha256Checksum"),
    plain("size"),
    plain("quotaBytesUsed"),
    plain("isAppAuthorized"),
]);

pub(super) const FILES: Shape = Shape(&[
    plain("kind"),
    plain("nextPageToken"),
    plain("incompleteSearch"),
    nested("files", &FILE),
]);

const QUOTA: Shape =
    Shape(&[plain("limit"), plain("usage"), plain("usageInDrive"), plain("usageInDriveTrash")]);

pub(super) const ABOUT: Shape = Shape(&[
    plain("kind"),
    nested("user", &USER),
    nested("storageQuota", &QUOTA),
    plain("maxUploadSize"),
    plain("appInstalled"),
    plain("canCreateDrives"),
]);
