use super::*;

#[test]
fn the_oldest_requests_are_forgotten_and_the_rest_can_still_be_amended() {
    let journal = Journal::default();
    let last = (0..=REMEMBERED_REQUESTS)
        .map(|_| journal.open(RequestRecord::default()))
        .max()
        .unwrap_or(0);
    journal.amend(1, |record| record.applied = 1);
    journal.amend(2, |record| record.applied = 2);
    journal.amend(last, |record| record.applied = 3);
    let records = journal.records();
    assert_eq!(records.len(), REMEMBERED_REQUESTS);
    assert_eq!((records[0].number, records[0].applied), (2, 2));
    assert_eq!(records[records.len() - 1].applied, 3);
    assert!(records[1..records.len() - 1].iter().all(|record| record.applied == 0));
}
