use super::*;
use crate::action::Action;
use crate::faults::{ForeignAnswer, Scope};

const RETRY: Endpoint = Endpoint::Jobs(Some(Action::RetryTask));

fn queue(faults: impl IntoIterator<Item = Fault>) -> FaultQueue {
    FaultQueue::new(faults.into_iter().collect(), 0)
}

#[test]
fn a_fault_strikes_as_often_as_it_was_told() {
    let queue = queue([Fault::http(503).times(2)]);
    let strikes: Vec<bool> = (0..4).map(|_| queue.draw(RETRY).decisive.is_some()).collect();
    assert_eq!(strikes, [true, true, false, false]);
    assert_eq!(queue.pending(), []);
}

#[test]
fn a_fault_without_end_stays_until_it_is_cleared() {
    let queue = queue([Fault::http(503).forever()]);
    assert!((0..100).all(|_| queue.draw(RETRY).decisive.is_some()));
    queue.clear();
    assert!(queue.draw(RETRY).decisive.is_none());
}

#[test]
fn the_first_decisive_fault_decides_and_the_second_waits_for_the_next_request() {
    let queue = queue([Fault::http(503), Fault::code(24500, "")]);
    assert!(matches!(
        queue.draw(RETRY).decisive,
        Some(FaultKind::Http(ForeignAnswer { status: 503, .. }))
    ));
    assert!(matches!(
        queue.draw(RETRY).decisive,
        Some(FaultKind::Code { code: 24500, .. })
    ));
}

#[test]
fn faults_that_leave_the_answer_alone_strike_together() {
    let queue = queue([
        Fault::http(503),
        Fault::latency(Duration::from_millis(3)),
        Fault::latency(Duration::from_millis(4)),
        Fault::kill_token(),
    ]);
    let plan = queue.draw(RETRY);
    assert_eq!(plan.latency, Duration::from_millis(7));
    assert!(plan.kill_token);
    assert_eq!(plan.names, ["http", "latency", "latency", "killToken"]);
}

#[test]
fn a_fault_strikes_only_in_its_scope() {
    let all = [Endpoint::TokenGet, Endpoint::TokenRefresh, RETRY, Endpoint::Jobs(None)];
    let struck = |scope| all.map(|endpoint| queue([Fault::http(500).on(scope)]).draw(endpoint).decisive.is_some());
    assert_eq!(struck(Scope::Any), [true, true, true, true]);
    assert_eq!(struck(Scope::Token), [true, true, false, false]);
    assert_eq!(struck(Scope::TokenGet), [true, false, false, false]);
    assert_eq!(struck(Scope::TokenRefresh), [false, true, false, false]);
    assert_eq!(struck(Scope::Jobs), [false, false, true, true]);
    assert_eq!(struck(Scope::Action(Action::RetryTask)), [false, false, true, false]);
    assert_eq!(struck(Scope::Action(Action::Get)), [false, false, false, false]);
}

#[test]
fn the_dice_fall_the_same_way_for_the_same_seed() {
    let throws = |seed| -> Vec<bool> {
        let queue = FaultQueue::new(vec![Fault::http(500).probability(0.5).forever()], seed);
        (0..64).map(|_| queue.draw(RETRY).decisive.is_some()).collect()
    };
    assert_eq!(throws(1), throws(1));
    assert_ne!(throws(1), throws(2));
    assert!(throws(1).contains(&true) && throws(1).contains(&false));
}
