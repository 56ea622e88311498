use super::*;
use crate::random::Random;

fn status(number: usize) -> TaskStatus {
    TaskStatus::KNOWN[number].clone()
}

#[test]
fn a_task_is_found_in_its_state_whatever_the_size_of_the_job() {
    for limit in [0, 1, 2, 1023, 1024, 1025, 2048, 5000] {
        let is_failed = |task: usize| task % 3 == 1;
        let expected: Vec<usize> = (0..limit).filter(|task| is_failed(*task)).collect();
        let all = ByStatus::new((0..limit).map(|task| status(if is_failed(task) { 4 } else { 0 })));
        let failed = all.tasks(|status| *status == TaskStatus::Failed);
        assert_eq!(failed.iter_from(0).collect::<Vec<_>>(), expected, "{limit}");
        assert_eq!(
            (failed.len(), all.tally().failed),
            (expected.len(), expected.len()),
            "{limit}"
        );
        for skip in 0..=expected.len() + 1 {
            assert_eq!(
                failed.iter_from(skip).next(),
                expected.get(skip).copied(),
                "{limit} {skip}"
            );
        }
        assert_eq!(all.tasks(|_| false).iter_from(0).next(), None);
    }
}

#[test]
fn tasks_that_come_and_go_are_found_at_their_places_among_those_of_several_states() {
    const LIMIT: usize = 6000;
    let mut random = Random::seeded(3);
    let mut draw = |below: usize| usize::try_from(random.next() % 1_000_003).unwrap() % below;
    let mut states: Vec<usize> = (0..LIMIT).map(|_| draw(3)).collect();
    let mut all = ByStatus::new(states.iter().map(|state| status(*state)));
    for round in 0..2000 {
        let (task, new) = (draw(LIMIT), draw(3));
        assert_eq!(all.put(task, &status(new)), states[task] != new);
        states[task] = new;
        if round % 50 > 0 {
            continue;
        }
        for wanted in [[0, 1], [1, 2], [2, 2]] {
            let expected: Vec<usize> = (0..LIMIT).filter(|task| wanted.contains(&states[*task])).collect();
            let found = all.tasks(|known| wanted.iter().any(|state| *known == status(*state)));
            assert_eq!(found.len(), expected.len());
            let skip = draw(LIMIT);
            let found: Vec<usize> = found.iter_from(skip).collect();
            assert_eq!(found, expected.get(skip..).unwrap_or_default());
        }
    }
}

#[test]
fn a_task_that_is_put_where_it_is_is_not_counted_twice() {
    let mut all = ByStatus::new((0..10).map(|_| status(0)));
    let put: Vec<bool> = (0..2).map(|_| all.put(4, &TaskStatus::Failed)).collect();
    assert_eq!((put, all.tally().failed), (vec![true, false], 1));
    assert!(all.put(4, &TaskStatus::Init));
    assert_eq!((all.tally().init, all.tally().failed), (10, 0));
}
