use super::Slots;

/// When each of these tasks is pushed, if somebody looks at the given moments. Each takes 100.
fn pushed(ready: &[i64], limit: usize, looks: &[i64]) -> Vec<Option<i64>> {
    let mut slots = Slots::new(limit);
    for (task, ready) in ready.iter().enumerate() {
        slots.wait(*ready, task);
    }
    let mut pushed = vec![None; ready.len()];
    for look in looks {
        slots.advance(*look, |task, at| {
            pushed[task] = Some(at);
            at + 100
        });
    }
    pushed
}

#[test]
fn tasks_are_pushed_when_they_are_ready_and_a_place_is_free() {
    let ready = [10, 20, 30, 250];
    assert_eq!(pushed(&ready, 2, &[1000]), [Some(10), Some(20), Some(110), Some(250)]);
    assert_eq!(pushed(&ready, 2, &[109]), [Some(10), Some(20), None, None]);
    assert_eq!(pushed(&ready, 2, &[110]), [Some(10), Some(20), Some(110), None]);
    assert_eq!(pushed(&ready, 3, &[30]), [Some(10), Some(20), Some(30), None]);
}

#[test]
fn it_does_not_matter_when_somebody_looks() {
    let ready: Vec<i64> = (0..50).map(|n| n * 37 % 90).collect();
    let once = pushed(&ready, 3, &[100_000]);
    assert_eq!(pushed(&ready, 3, &(0..100_000).step_by(7).collect::<Vec<_>>()), once);
    assert_eq!(pushed(&ready, 3, &[0, 250, 251, 100_000]), once);
}

#[test]
fn a_place_that_is_vacated_early_is_taken_at_once() {
    let mut slots = Slots::new(1);
    slots.wait(0, 0);
    slots.wait(0, 1);
    slots.advance(40, |_, at| at + 100);
    slots.vacate(100, 0);
    let mut pushed = Vec::new();
    slots.advance(200, |task, at| {
        pushed.push((task, at));
        at + 100
    });
    assert_eq!(pushed, [(1, 40)]);
}

#[test]
fn what_was_pushed_before_the_beginning_holds_up_the_rest() {
    let mut slots = Slots::new(1);
    slots.occupy(50, 0);
    slots.occupy(70, 1);
    slots.wait(0, 2);
    let mut pushed = Vec::new();
    slots.advance(200, |task, at| {
        pushed.push((task, at));
        at + 100
    });
    assert_eq!(pushed, [(2, 70)]);
}
