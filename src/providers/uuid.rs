//! Random UUIDs (RFC 9562 §5.4), where a service tells calls or devices apart by them.

use ring::rand::{SecureRandom, SystemRandom};

/// A random UUID, version 4.
pub fn random() -> String {
    let mut bytes = [0_u8; 16];
    if SystemRandom::new().fill(&mut bytes).is_err() {
        tracing::error!("the system has no randomness");
    }
    shown(u128::from_be_bytes(bytes))
}

/// `bits` as a UUID of version 4, variant 1.
fn shown(bits: u128) -> String {
    let bits = bits & !(0xF << 76) | 0x4 << 76;
    let bits = bits & !(0x3 << 62) | 0x2 << 62;
    let hex = format!("{bits:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    let parts = [
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32),
    ];
    parts.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_and_variant_stand_in_their_places() {
        assert_eq!(shown(0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(shown(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_ne!(random(), random());
    }
}
