//! The region in a client id.
//!
//! In: a `clientId` of RegisterClient. Out: the region it was registered in, where the id contains one. The form is
//! undocumented (base64url of 16 random bytes and the region in ASCII), so this is a hint and never decides a cause.

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::region::{KnownRegions, Region};

/// The random part before the region.
const RANDOM_BYTES: usize = 16;

/// No region name is longer than 24 characters, so no client id of this form is longer than this.
const CLIENT_ID_MAX: usize = 64;

/// Ids come with and without padding, and the last character may carry spare bits where a log cut it off.
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The region that a client id was registered in. None for an application ARN, a cut or masked id, and any other form.
pub fn region_of_client_id(client_id: &str) -> Option<Region> {
    if client_id.len() > CLIENT_ID_MAX {
        return None;
    }
    let bytes = BASE64URL.decode(client_id).ok()?;
    let name = std::str::from_utf8(bytes.get(RANDOM_BYTES..)?).ok()?;
    KnownRegions::default().find(name)
}

/// A client id of that form that nobody registered, for a probe step that must be refused.
pub fn invented_client_id(random: &[u8; RANDOM_BYTES], region: &Region) -> String {
    BASE64URL.encode([random.as_slice(), region.as_str().as_bytes()].concat()).trim_end_matches('=').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_id_contains_its_region() {
        let region = KnownRegions::default().find("eu-central-1").unwrap();
        let id = invented_client_id(b"0123456789abcdef", &region);
        assert_eq!(region_of_client_id(&id), Some(region));
    }

    #[test]
    fn padding_does_not_matter() {
        let region = KnownRegions::default().find("us-west-2").unwrap();
        let id = invented_client_id(b"0123456789abcdef", &region);
        assert_eq!(id.len() % 4, 2);
        assert_eq!(region_of_client_id(&format!("{id}==")), Some(region));
    }

    #[test]
    fn an_id_of_another_form_has_no_region() {
        let long = "A".repeat(CLIENT_ID_MAX + 1);
        for id in ["", "A", "arn:aws:sso::123456789012:application/ssoins-1/apl-2", "MDEyMzQ1Njc4OWFiY2RlZg", &long] {
            assert_eq!(region_of_client_id(id), None, "{id}");
        }
    }
}
