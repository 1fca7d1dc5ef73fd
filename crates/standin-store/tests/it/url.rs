//! The one place that looks at a database URL.

use standin_store::OpenError;

#[tokio::test]
async fn names_a_file_by_its_absolute_path() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("standin.db");
    let url = format!("sqlite://{}", path.display());
    assert!(!standin_store::pending_migrations(&url).await.unwrap().is_empty());
    let store = standin_store::open(&url).await.unwrap();
    assert_eq!(store.ping().await, Ok(()));
    assert!(path.exists());
    assert!(standin_store::migrate(&url).await.unwrap().is_empty());
}

#[tokio::test]
async fn refuses_every_other_scheme_without_repeating_the_password() {
    let refused = async |url| standin_store::open(url).await.map(drop).unwrap_err();
    let mysql = refused("mysql://ada:hunter2@localhost/standin").await;
    assert!(matches!(&mysql, OpenError::UnknownScheme(scheme) if scheme == "mysql"));
    assert!(!mysql.to_string().contains("hunter2"));
    for wrong in ["standin.db", "sqlite:standin.db", "sqlite://", "sqlite://a.db?mode=ro"] {
        assert!(matches!(refused(wrong).await, OpenError::NotAUrl), "{wrong}");
    }
}

#[tokio::test]
async fn a_directory_that_does_not_exist_is_not_made() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("missing/standin.db");
    let url = format!("sqlite://{}", path.display());
    let refused = standin_store::open(&url).await.map(drop).unwrap_err();
    assert!(matches!(refused, OpenError::CannotOpen { .. }), "{refused}");
    assert!(!path.parent().unwrap().exists());
}
