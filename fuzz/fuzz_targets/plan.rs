//! Any file is a plan or an error, and a plan that is written anew is the same plan.
#![no_main]

use enos_ota_campaign::Plan;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let plan = match Plan::read(data, "plan.jsonl") {
        Ok(plan) => plan,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let mut written = Vec::new();
    plan.write(&mut written).expect("memory takes every byte");
    let again = Plan::read(&*written, "plan.jsonl").expect("what was written can be read");
    assert_eq!(again.header(), plan.header());
    let _ = plan.summary();
});
