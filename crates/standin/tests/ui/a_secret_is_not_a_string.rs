//! There is one door, `expose`, and it is loud.

use standin::secret::RefreshToken;

fn main() {
    let token = RefreshToken::new("1//canary");
    let _: &str = &token;
    let _: String = token.into();
    let _ = RefreshToken::new("a") == "a";
}
