//! Whatever was written last, what is whole before it counts.

use enos_ota_campaign::journal::Journal;
use proptest::prelude::*;

use crate::common::{in_folder, plan, write};
use crate::model::Model;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn any_beginning_of_a_journal_tells_what_was_done_until_then(
        choices in prop::collection::vec(any::<u16>(), 1..60),
        cut in any::<prop::sample::Index>(),
    ) {
        let (_folder, path) = in_folder();
        let mut models = vec![Model::new(12)];
        let mut records = Vec::new();
        for choice in choices {
            let mut model = models.last().unwrap().clone();
            if let Some(record) = model.step(choice) {
                records.push(record);
                models.push(model);
            }
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(write(&path, &plan(12), &[]));
        let begun = std::fs::metadata(&path).unwrap().len();
        std::fs::remove_file(&path).unwrap();
        runtime.block_on(write(&path, &plan(12), &records));
        let whole = std::fs::read(&path).unwrap();

        let begun = usize::try_from(begun).unwrap();
        let kept = begun + cut.index(whole.len() - begun + 1);
        std::fs::write(&path, &whole[..kept]).unwrap();
        // A line of which only the line feed is missing counts.
        let lines = String::from_utf8_lossy(&whole[begun..(kept + 1).min(whole.len())]);
        let lines = lines.matches('\n').count();
        let (journal, told) = Journal::open(&path).unwrap();
        models[lines].assert_told(&told);

        // What is written afterwards follows from there.
        let mut model = models[lines].clone();
        let resumed = model.step(15).unwrap();
        runtime.block_on(async {
            journal.append(&resumed).await.unwrap();
            journal.close().await.unwrap();
        });
        model.assert_told(&Journal::read(&path).unwrap());
    }
}
