//! A secret cannot be printed, not even by an error that holds one.

use standin::secret::{AccessToken, RefreshToken};

fn main() {
    println!("{}", RefreshToken::new("1//canary"));
    let _ = AccessToken::new("ya29.canary").to_string();
}
