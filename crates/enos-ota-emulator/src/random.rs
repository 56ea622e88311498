//! Numbers that look random but are the same in every run: tests and examples must be repeatable.

/// A hash that never changes between runs, machines or versions of the standard library (FNV-1a, mixed at the end).
pub(crate) fn stable_hash(parts: &[&str]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for part in parts {
        // The separator keeps ("ab", "c") and ("a", "bc") apart; it is no byte of UTF-8.
        for byte in part.bytes().chain([0xff]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    mix(hash)
}

/// The finalizer of `SplitMix64`: spreads every bit of the input over the whole output.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The generator `SplitMix64`. Not for anything secret; the emulator has no secrets.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// True with the given probability.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        // 53 bits are what an f64 holds exactly.
        #[expect(clippy::cast_precision_loss, reason = "a number of 53 bits loses nothing")]
        let unit = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        unit < probability
    }

    /// A UUID of version 4, as the platform's samples show for `requestId`.
    pub(crate) fn uuid_v4(&mut self) -> String {
        let (high, low) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0x0fff,
            // The two highest bits of this group are the variant, `10`.
            (low >> 48) & 0x3fff | 0x8000,
            low & 0xffff_ffff_ffff,
        )
    }

    /// An id of 24 hexadecimal digits, the first eight of which are the time in seconds, as the platform's job ids
    /// appear to be.
    pub(crate) fn object_id(&mut self, now_ms: i64) -> String {
        let seconds = u32::try_from(now_ms / 1000).unwrap_or_default();
        format!("{seconds:08x}{:016x}", self.next())
    }

    /// A token that nobody can take for one of the platform.
    pub(crate) fn token(&mut self) -> String {
        format!("emulator-{:016x}{:016x}", self.next(), self.next())
    }
}

#[cfg(test)]
mod tests;
