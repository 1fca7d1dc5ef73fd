//! E-mail addresses, fit to be shown and to be compared by domain.

/// The longest address that can be delivered to (RFC 5321 §4.5.3.1.3, less the angle brackets).
const MAX_BYTES: usize = 254;

/// The address with its domain in lower case, or `None` for what rules about addresses cannot be run on:
/// a second `@` (also one that only looks like it), white space, control characters, an empty label
/// (requirement ID-14). Addresses beyond ASCII are among them: which of their spellings are the same
/// mailbox is the provider's guess.
pub(crate) fn canonical(address: &str) -> Option<String> {
    let (local, domain) = address.split_once('@')?;
    let sound = address.len() <= MAX_BYTES
        && !local.is_empty()
        && local.bytes().all(|byte| byte.is_ascii_graphic())
        && domain.split('.').all(is_label);
    sound.then(|| format!("{local}@{}", domain.to_ascii_lowercase()))
}

fn is_label(label: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    !label.is_empty() && label.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_14_an_address_keeps_its_local_part_and_has_its_domain_in_lower_case() {
        assert_eq!(canonical("Ada.L+x@Example.COM").as_deref(), Some("Ada.L+x@example.com"));
    }

    #[test]
    fn id_14_an_address_that_can_be_read_in_two_ways_is_refused() {
        let long = format!("{}@example.com", "a".repeat(243));
        let wrong = [
            "",
            "@",
            "ada",
            "@example.com",
            "ada@",
            "a@evil.com@corp.com",
            "a\u{ff20}corp.com",
            "a\u{ff20}evil.com@corp.com",
            "a@corp.com.",
            "a@.corp.com",
            "a@corp..com",
            "a@corp.com\0",
            "a\0@corp.com",
            "a b@corp.com",
            "a@corp.com ",
            "a@c\u{f6}rp.com",
            "a@[127.0.0.1]",
            &long,
        ];
        for address in wrong {
            assert_eq!(canonical(address), None, "{address:?}");
        }
    }
}
