//! Drive v3: uploads in all their kinds, search, paging, partial answers, downloads, spaces.

use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use crate::api::{Api, compact, refusal};
use crate::support::{Answer, DRIVE};

const FILES: &str = "/drive/v3/files";
const UPLOAD: &str = "/upload/drive/v3/files";
const FOLDER: &str = "application/vnd.google-apps.folder";
const GRANULE: usize = 256 * 1024;

fn scope(name: &str) -> String {
    format!("https://www.googleapis.com/auth/{name}")
}

async fn multipart(api: &Api, metadata: &Value, kind: &str, content: &str) -> Answer {
    let body = format!(
        "--foo\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{metadata}\r\n\
         --foo\r\nContent-Type: {kind}\r\n\r\n{content}\r\n--foo--"
    );
    let request = api
        .request(Method::POST, &format!("{UPLOAD}?uploadType=multipart"))
        .header("content-type", "multipart/related; boundary=foo");
    Answer::of(request.body(body).send().await.unwrap()).await
}

async fn upload(api: &Api, name: &str, content: &str) -> String {
    multipart(api, &json!({"name": name}), "text/plain", content).await.text("id")
}

async fn create(api: &Api, metadata: Value) -> String {
    api.post(FILES, &metadata).await.text("id")
}

fn names(list: &Answer) -> Vec<&str> {
    let files = list.body["files"].as_array().unwrap_or_else(|| panic!("{}", list.raw));
    files.iter().map(|file| file["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_upload_answers_with_four_members_and_comes_back_as_it_went() {
    let api = Api::with(DRIVE).await;
    let file = multipart(&api, &json!({"name": "blog.txt"}), "text/plain", "hello").await;
    let id = file.text("id");
    assert!(id.len() == 33 && id.starts_with('1'), "{id}");
    let four =
        format!(r#"{{"kind":"drive#file","id":"{id}","name":"blog.txt","mimeType":"text/plain"}}"#);
    assert_eq!(compact(&file.raw), four);
    assert_eq!(compact(&api.get(&format!("{FILES}/{id}")).await.raw), four);
    let list = api.get(FILES).await;
    let expected =
        format!(r#"{{"kind":"drive#fileList","incompleteSearch":false,"files":[{four}]}}"#);
    assert_eq!(compact(&list.raw), expected);
    assert_eq!(api.get(&format!("{FILES}/{id}?alt=media")).await.raw, "hello");
}

#[tokio::test]
async fn media_alone_is_an_untitled_file_and_metadata_alone_an_empty_one() {
    let api = Api::with(DRIVE).await;
    let request = api.request(Method::POST, &format!("{UPLOAD}?uploadType=media"));
    let request = request.header("content-type", "image/png").body("bytes");
    let media = Answer::of(request.send().await.unwrap()).await;
    assert_eq!(
        (media.text("name"), media.text("mimeType")),
        ("Untitled".into(), "image/png".into())
    );
    let empty = api.post(&format!("{FILES}?fields=name,mimeType,size"), &json!({})).await;
    let expected = r#"{"name":"Untitled","mimeType":"application/octet-stream","size":"0"}"#;
    assert_eq!(compact(&empty.raw), expected);
    let request = api.request(Method::POST, &format!("{UPLOAD}?uploadType=multipart"));
    let broken = Answer::of(request.body("no parts").send().await.unwrap()).await;
    assert_eq!(refusal(&broken), "400 badContent: Malformed multipart body.");
}

#[tokio::test]
async fn fields_choose_what_is_answered() {
    let api = Api::with(DRIVE).await;
    let id = upload(&api, "a.txt", "hello").await;
    let get = async |fields: &str| api.get(&format!("{FILES}/{id}?fields={fields}")).await;
    assert_eq!(compact(&get("name,id").await.raw), format!(r#"{{"id":"{id}","name":"a.txt"}}"#));
    let all = get("*").await;
    for (member, value) in [
        ("size", json!("5")),
        ("starred", json!(false)),
        ("spaces", json!(["drive"])),
        ("fileExtension", json!("txt")),
        ("md5Checksum", json!("5d41402abc4b2a76b9719d911017c592")),
        ("sha1Checksum", json!("aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d")),
    ] {
        assert_eq!(all.body[member], value, "{member}");
    }
    assert_eq!(all.body["owners"][0]["emailAddress"], "ada@example.com");
    let wrong = get("nmae").await;
    assert_eq!(
        compact(&wrong.raw),
        concat!(
            r#"{"error":{"code":400,"message":"Invalid field selection nmae","errors":[{"#,
            r#""message":"Invalid field selection nmae","domain":"global","#,
            r#""reason":"invalidParameter","location":"fields","locationType":"parameter"}]}}"#,
        )
    );
    let list = api.get(&format!("{FILES}?fields=nextPageToken,%20files(id,%20name)")).await;
    let expected = format!(r#"{{"files":[{{"id":"{id}","name":"a.txt"}}]}}"#);
    assert_eq!(compact(&list.raw), expected);
}

#[tokio::test]
async fn a_list_is_searched_sorted_and_cut_into_pages() {
    let api = Api::with(DRIVE).await;
    let folder = create(&api, json!({"name": "notes", "mimeType": FOLDER})).await;
    for name in ["b.txt", "a.txt", "c.txt"] {
        create(&api, json!({"name": name, "parents": [folder]})).await;
    }
    let list = async |query: &[(&str, &str)]| {
        Answer::of(api.request(Method::GET, FILES).query(query).send().await.unwrap()).await
    };
    let inside = format!("'{folder}' in parents and not name = 'b.txt' and trashed = false");
    let found = list(&[("q", &inside), ("orderBy", "name")]).await;
    assert_eq!(names(&found), ["a.txt", "c.txt"]);
    let folders = format!("mimeType = '{FOLDER}' and 'root' in parents");
    assert_eq!(names(&list(&[("q", &folders)]).await), ["notes"]);
    let mut seen = Vec::new();
    let mut token = String::new();
    loop {
        let query = [("orderBy", "name desc"), ("pageSize", "3"), ("pageToken", &token)];
        let page = list(&query).await;
        seen.extend(names(&page).into_iter().map(str::to_owned));
        match page.body.get("nextPageToken") {
            Some(next) => next.as_str().unwrap().clone_into(&mut token),
            None => break,
        }
    }
    assert_eq!(seen, ["notes", "c.txt", "b.txt", "a.txt"]);
    for name in ["q", "orderBy", "pageToken", "spaces"] {
        let wrong = list(&[(name, "no such thing")]).await;
        assert_eq!(refusal(&wrong), "400 invalid: Invalid Value", "{name}");
        assert_eq!(wrong.body["error"]["errors"][0]["location"], name);
    }
    let size = "400 invalidParameter: Invalid value '1001'. \
        Values must be within the range: [1, 1000]";
    assert_eq!(refusal(&list(&[("pageSize", "1001")]).await), size);
}

#[tokio::test]
async fn a_download_may_be_partial_and_is_never_a_page() {
    let api = Api::with(DRIVE).await;
    let page = multipart(&api, &json!({"name": "<b>"}), "text/html", "<script>").await.text("id");
    let media = |id: &str| api.request(Method::GET, &format!("{FILES}/{id}?alt=media"));
    let served = media(&page).send().await.unwrap();
    assert_eq!(served.headers()["content-type"], "application/octet-stream");
    assert_eq!(served.headers()["x-content-type-options"], "nosniff");
    assert_eq!(served.headers()["content-security-policy"], "sandbox; default-src 'none'");
    let id = upload(&api, "a.txt", "0123456789").await;
    let part = media(&id).header("range", "bytes=2-4").send().await.unwrap();
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.headers()["content-range"], "bytes 2-4/10");
    assert_eq!(part.headers()["content-type"], "text/plain");
    assert_eq!(part.text().await.unwrap(), "234");
    let outside = media(&id).header("range", "bytes=10-").send().await.unwrap();
    assert_eq!(outside.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(outside.headers()["content-range"], "bytes */10");
    let folder = create(&api, json!({"mimeType": FOLDER})).await;
    let folder = api.get(&format!("{FILES}/{folder}?alt=media")).await;
    let message = "Only files with binary content can be downloaded. \
        Use Export with Docs Editors files.";
    assert_eq!(refusal(&folder), format!("403 fileNotDownloadable: {message}"));
}

#[tokio::test]
async fn metadata_changes_by_patch_and_content_by_upload() {
    let api = Api::with(DRIVE).await;
    let id = upload(&api, "a.txt", "old").await;
    let path = format!("{FILES}/{id}");
    let patch = async |query: &str, body: Value| {
        api.send(Method::PATCH, &format!("{path}?{query}"), &body).await
    };
    assert_eq!(patch("", json!({"name": "b.txt"})).await.text("name"), "b.txt");
    let trashed = patch("fields=trashed", json!({"trashed": true})).await;
    assert_eq!(compact(&trashed.raw), r#"{"trashed":true}"#);
    patch("", json!({"properties": {"a": "1", "b": "2"}})).await;
    let merged = patch("fields=properties", json!({"properties": {"a": null, "c": "3"}})).await;
    assert_eq!(merged.body, json!({"properties": {"b": "2", "c": "3"}}));
    let folder = create(&api, json!({"mimeType": FOLDER})).await;
    let moved = patch(&format!("addParents={folder}&fields=parents"), json!({})).await;
    assert_eq!(moved.body, json!({"parents": [folder]}));
    let into_itself = format!("{FILES}/{folder}?addParents={folder}");
    let into_itself = api.send(Method::PATCH, &into_itself, &json!({})).await;
    assert_eq!(into_itself.status, StatusCode::FORBIDDEN);
    let read_only = patch("", json!({"size": "7"})).await;
    let message = "The resource body includes fields which are not directly writable.";
    assert_eq!(refusal(&read_only), format!("403 fieldNotWritable: {message}"));
    let request = api.request(Method::PATCH, &format!("{UPLOAD}/{id}?uploadType=media"));
    let request = request.header("content-type", "text/plain").body("new");
    assert_eq!(Answer::of(request.send().await.unwrap()).await.text("name"), "b.txt");
    assert_eq!(api.get(&format!("{path}?alt=media")).await.raw, "new");
}

#[tokio::test]
async fn what_is_deleted_is_gone_with_all_that_was_inside() {
    let api = Api::with(DRIVE).await;
    let folder = create(&api, json!({"mimeType": FOLDER})).await;
    let file = create(&api, json!({"parents": [folder]})).await;
    let deleted = api.delete(&format!("{FILES}/{folder}")).await;
    assert_eq!((deleted.status, deleted.raw.as_str()), (StatusCode::NO_CONTENT, ""));
    let missing = api.get(&format!("{FILES}/{file}")).await;
    assert_eq!(
        compact(&missing.raw),
        format!(
            "{{\"error\":{{\"code\":404,\"message\":\"File not found: {file}.\",\"errors\":[{{\
             \"message\":\"File not found: {file}.\",\"domain\":\"global\",\
             \"reason\":\"notFound\",\"location\":\"fileId\",\"locationType\":\"parameter\"}}]}}}}"
        )
    );
    assert_eq!(api.delete(&format!("{FILES}/{folder}")).await.status, StatusCode::NOT_FOUND);
    let orphan = api.post(FILES, &json!({"parents": [folder]})).await;
    assert_eq!(refusal(&orphan), format!("404 notFound: File not found: {folder}."));
}

#[tokio::test]
async fn drive_file_sees_only_what_its_own_project_made() {
    let api = Api::with(DRIVE).await;
    let id = upload(&api, "mine", "x").await;
    let path = format!("{FILES}/{id}");
    let token = api.other_project(DRIVE).await;
    let api = Api { token, ..api };
    assert_eq!(api.get(FILES).await.body["files"], json!([]));
    assert_eq!(api.get(&path).await.status, StatusCode::NOT_FOUND);
    let token = api.other_project(&scope("drive.metadata.readonly")).await;
    let api = Api { token, ..api };
    assert_eq!(names(&api.get(FILES).await), ["mine"]);
    let content = api.get(&format!("{path}?alt=media")).await;
    let message = "Insufficient Permission: Request had insufficient authentication scopes.";
    assert_eq!(refusal(&content), format!("403 insufficientPermissions: {message}"));
    let token = api.other_project(&format!("{DRIVE} {}", scope("drive.readonly"))).await;
    let api = Api { token, ..api };
    assert_eq!(api.get(&format!("{path}?alt=media")).await.raw, "x");
    let foreign = api.delete(&path).await;
    assert!(refusal(&foreign).starts_with("403 appNotAuthorizedToFile: "), "{}", foreign.raw);
}

#[tokio::test]
async fn application_data_is_a_space_of_its_own() {
    let api = Api::with(&scope("drive.appdata")).await;
    let hidden = json!({"name": "config", "parents": ["appDataFolder"]});
    let made = api.post(&format!("{FILES}?fields=spaces"), &hidden).await;
    assert_eq!(compact(&made.raw), r#"{"spaces":["appDataFolder"]}"#);
    assert_eq!(names(&api.get(&format!("{FILES}?spaces=appDataFolder")).await), ["config"]);
    let message = "The granted scopes do not give access to all of the requested spaces.";
    let refused = format!("403 insufficientScopes: {message}");
    assert_eq!(refusal(&api.get(FILES).await), refused);
    assert_eq!(refusal(&api.post(FILES, &json!({"name": "open"})).await), refused);
    let token = api.other_project(&scope("drive")).await;
    let api = Api { token, ..api };
    assert_eq!(names(&api.get(FILES).await), Vec::<&str>::new());
    assert_eq!(refusal(&api.get(&format!("{FILES}?spaces=appDataFolder")).await), refused);
}

#[tokio::test]
async fn about_needs_fields() {
    let api = Api::with(DRIVE).await;
    let without = api.get("/drive/v3/about").await;
    let message = "The 'fields' parameter is required for this method.";
    assert_eq!(refusal(&without), format!("400 required: {message}"));
    upload(&api, "a", "hello").await;
    let about = api.get("/drive/v3/about?fields=user(emailAddress),storageQuota/usage").await;
    let expected = r#"{"user":{"emailAddress":"ada@example.com"},"storageQuota":{"usage":"5"}}"#;
    assert_eq!(compact(&about.raw), expected);
}

#[tokio::test]
async fn one_body_holds_five_mebibytes_and_other_bodies_less() {
    let api = Api::with(DRIVE).await;
    let content = "x".repeat(2 * 1024 * 1024);
    upload(&api, "big", &content).await;
    let content = "x".repeat(6 * 1024 * 1024);
    let huge = multipart(&api, &json!({}), "text/plain", &content).await;
    assert_eq!(refusal(&huge), "413 uploadTooLarge: Request Too Large.");
    let body = format!("grant_type={}", "x".repeat(2 * 1024 * 1024));
    let request = api.google.http.post(api.google.url("/token")).body(body);
    assert_eq!(request.send().await.unwrap().status(), StatusCode::PAYLOAD_TOO_LARGE);
}

/// An upload session and the requests to its URI, which carry no token.
struct Session<'a>(&'a Api, String);

impl<'a> Session<'a> {
    async fn begin(api: &'a Api, request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let location = response.headers()["location"].to_str().unwrap().to_owned();
        assert!(location.starts_with(&api.google.url(UPLOAD)), "{location}");
        assert_eq!(response.text().await.unwrap(), "");
        Self(api, location)
    }

    async fn new(api: &'a Api, metadata: &Value) -> Self {
        let request = api.request(Method::POST, &format!("{UPLOAD}?uploadType=resumable"));
        let request = request.header("x-upload-content-type", "text/plain").json(metadata);
        Self::begin(api, request).await
    }

    async fn put(&self, range: &str, body: &[u8]) -> Response {
        let request = self.0.google.http.put(&self.1).header("content-range", range);
        request.body(body.to_vec()).send().await.unwrap()
    }

    async fn refused(&self, range: &str, body: &[u8]) -> String {
        let response = self.put(range, body).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        response.text().await.unwrap()
    }
}

#[track_caller]
fn incomplete(response: &Response) -> Option<&str> {
    assert_eq!(response.status(), StatusCode::PERMANENT_REDIRECT);
    response.headers().get("range").map(|range| range.to_str().unwrap())
}

#[tokio::test]
async fn a_resumable_upload_goes_on_where_it_was_cut() {
    let api = Api::with(DRIVE).await;
    let session = Session::new(&api, &json!({"name": "long.txt"})).await;
    let content: Vec<u8> = (b'a'..=b'z').cycle().take(GRANULE * 2 + 10).collect();
    let total = content.len();
    let question = format!("bytes */{total}");
    assert_eq!(incomplete(&session.put(&question, b"").await), None);
    // Ten bytes more than a granule: the ten are not kept.
    let (first, last) = (0, GRANULE + 9);
    let sent = session.put(&format!("bytes {first}-{last}/{total}"), &content[..=last]).await;
    let kept = format!("bytes=0-{}", GRANULE - 1);
    assert_eq!(incomplete(&sent), Some(kept.as_str()));
    assert_eq!(incomplete(&session.put(&question, b"").await), Some(kept.as_str()));
    let rest = format!("bytes {GRANULE}-{}/{total}", total - 1);
    let done = Answer::of(session.put(&rest, &content[GRANULE..]).await).await;
    assert_eq!((done.status, done.text("name")), (StatusCode::OK, "long.txt".into()));
    assert_eq!(done.text("mimeType"), "text/plain");
    let again = Answer::of(session.put(&question, b"").await).await;
    assert_eq!((again.status, again.raw), (StatusCode::OK, done.raw.clone()));
    let media = api.get(&format!("{FILES}/{}?alt=media", done.text("id"))).await;
    assert_eq!(media.raw.as_bytes(), content);
}

#[tokio::test]
async fn a_session_takes_a_whole_body_and_answers_with_the_fields_it_was_begun_with() {
    let api = Api::with(DRIVE).await;
    let id = upload(&api, "a.txt", "old").await;
    let path = format!("{UPLOAD}/{id}?uploadType=resumable&fields=id,size");
    let request = api.request(Method::PATCH, &path).json(&json!({"name": "b.txt"}));
    let session = Session::begin(&api, request).await;
    let response = api.google.http.put(&session.1).body("brand new").send().await.unwrap();
    let expected = format!(r#"{{"id":"{id}","size":"9"}}"#);
    assert_eq!(compact(&Answer::of(response).await.raw), expected);
    assert_eq!(api.get(&format!("{FILES}/{id}")).await.text("name"), "b.txt");
}

#[tokio::test]
async fn wrong_ranges_are_refused_and_cost_nothing() {
    let api = Api::with(DRIVE).await;
    let session = Session::new(&api, &json!({})).await;
    let unreadable = "Failed to parse Content-Range header.";
    assert_eq!(session.refused("*/*", b"abc").await, unreadable);
    assert_eq!(session.refused("bytes 5-4/9", b"abc").await, unreadable);
    assert_eq!(
        session.refused("bytes 0-9/20", b"abc").await,
        "Invalid request.  There were 3 byte(s) in the request body.  There should have been \
         10 byte(s) (starting at offset 0 and ending at offset 9) according to the \
         Content-Range header."
    );
    assert_eq!(
        session.refused("bytes 3-5/20", b"abc").await,
        "Invalid request.  According to the Content-Range header, the upload offset is 3 \
         byte(s), which exceeds already uploaded size of 0 byte(s)."
    );
    let small = session.refused("bytes 0-2/20", b"abc").await;
    assert!(small.contains("equal or greater than 262144"), "{small}");
    let total = session.refused("bytes 0-2/3", b"abc").await;
    assert!(total.contains("does not match the expected size of 20 byte(s)"), "{total}");
    assert_eq!(incomplete(&session.put("bytes */20", b"").await), None);
    assert_eq!(session.put("bytes 0-19/20", &[b'x'; 20]).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn an_unknown_session_is_not_found_and_a_cancelled_one_is_unknown() {
    let api = Api::with(DRIVE).await;
    let unknown = Session(&api, api.google.url(&format!("{UPLOAD}?upload_id=nothing")));
    assert_eq!(unknown.put("bytes 0-2/3", b"abc").await.status(), StatusCode::NOT_FOUND);
    let session = Session::new(&api, &json!({})).await;
    let cancelled = api.google.http.delete(&session.1).send().await.unwrap();
    assert_eq!(cancelled.status().as_u16(), 499);
    assert_eq!(session.put("bytes 0-2/3", b"abc").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_full_drive_takes_no_more() {
    let api = Api::with(DRIVE).await;
    let request = api.request(Method::POST, &format!("{UPLOAD}?uploadType=resumable"));
    let request = request.header("x-upload-content-length", "99999999999").json(&json!({}));
    let full = Answer::of(request.send().await.unwrap()).await;
    let message = "The user's Drive storage quota has been exceeded.";
    assert_eq!(refusal(&full), format!("403 storageQuotaExceeded: {message}"));
    assert_eq!(full.body["error"]["errors"][0]["domain"], "usageLimits");
}

#[tokio::test]
async fn a_file_that_is_refused_at_the_end_is_refused_again_when_asked() {
    let api = Api::with(DRIVE).await;
    let session = Session::new(&api, &json!({"mimeType": FOLDER})).await;
    let refused = Answer::of(session.put("bytes 0-4/5", b"hello").await).await;
    let message = "The uploaded content is not allowed for a folder.";
    assert_eq!(refusal(&refused), format!("400 invalidContentType: {message}"));
    let asked = Answer::of(session.put("bytes */5", b"").await).await;
    assert_eq!((asked.status, asked.raw), (refused.status, refused.raw));
}

#[tokio::test]
async fn an_upload_of_a_deleted_account_is_gone() {
    let api = Api::with(DRIVE).await;
    let session = Session::new(&api, &json!({})).await;
    let ada = api.google.url("/_emulator/users/ada@example.com");
    api.google.http.delete(ada).send().await.unwrap();
    assert_eq!(session.put("bytes 0-4/5", b"hello").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn checksums_follow_the_content_and_not_the_name() {
    let api = Api::with(DRIVE).await;
    let id = upload(&api, "a.txt", "hello").await;
    let md5 = async || {
        let list = api.get(&format!("{FILES}?fields=files/md5Checksum")).await;
        list.body["files"][0]["md5Checksum"].as_str().unwrap().to_owned()
    };
    let hello = "5d41402abc4b2a76b9719d911017c592";
    assert_eq!(md5().await, hello);
    api.send(Method::PATCH, &format!("{FILES}/{id}"), &json!({"name": "b.txt"})).await;
    assert_eq!(md5().await, hello);
    let request = api.request(Method::PATCH, &format!("{UPLOAD}/{id}?uploadType=media"));
    request.header("content-type", "text/plain").body("").send().await.unwrap();
    assert_eq!(md5().await, "d41d8cd98f00b204e9800998ecf8427e");
}
