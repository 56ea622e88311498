use super::*;

#[test]
fn a_uuid_has_version_4_and_the_variant_of_rfc_9562() {
    let mut random = Random::seeded(1);
    for _ in 0..1000 {
        let id = random.uuid_v4();
        let groups: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(groups, [8, 4, 4, 4, 12], "{id}");
        assert_eq!(&id[14..15], "4", "{id}");
        assert!(["8", "9", "a", "b"].contains(&&id[19..20]), "{id}");
    }
}

#[test]
fn the_hash_is_the_same_in_every_version() {
    assert_eq!(stable_hash(&["pump-0001"]), 0x4c79_bb1b_fee8_d3aa);
    assert_ne!(stable_hash(&["ab", "c"]), stable_hash(&["a", "bc"]));
}

#[test]
fn a_probability_of_nought_never_happens_and_of_one_always() {
    let mut random = Random::seeded(7);
    assert!((0..1000).all(|_| !random.chance(0.0)));
    assert!((0..1000).all(|_| random.chance(1.0)));
    let hits = (0..10_000).filter(|_| random.chance(0.25)).count();
    assert!((2_300..2_700).contains(&hits), "{hits}");
}
