//! Clocks that are wrong, and calls that are late.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use enos_ota::{Client, Clock, Credentials, RetryPolicy, SystemClock};
use enos_ota_campaign::journal::Journal;
use enos_ota_campaign::{Campaign, Ending, Event, Settings, Summary, Time};
use enos_ota_emulator::{Action, Fault, MixedList, Pace, Scope};

use crate::stage::{Chosen, ORG, Stage, client_of, failed_of, finish_with, fleet, operator, plan, settings};

const DEVICES: usize = 200;
const CHUNK: usize = 5;
const MINUTE_MS: i64 = 60_000;

/// The clock of a machine that somebody puts back and forth.
#[derive(Debug, Default)]
struct Wrong(AtomicI64);

impl Wrong {
    fn off_by(&self, ms: i64) {
        self.0.store(ms, Ordering::SeqCst);
    }
}

impl Clock for Wrong {
    fn now_ms(&self) -> i64 {
        SystemClock.now_ms() + self.0.load(Ordering::SeqCst)
    }

    fn unique_ms(&self) -> i64 {
        SystemClock.unique_ms() + self.0.load(Ordering::SeqCst)
    }
}

async fn stage(mixed: MixedList) -> Stage {
    let lost = Fault::cut_after_applying()
        .on(Scope::Action(Action::RetryTask))
        .probability(0.1)
        .forever();
    Stage::set_in_real_time(mixed, |builder| {
        let latency = Duration::from_millis(10);
        builder
            .fleet(fleet(DEVICES))
            .pace(Pace::frozen())
            .latency(latency)
            .fault(lost)
    })
    .await
}

fn quick() -> Settings {
    let mut settings = settings();
    settings.lag = Duration::from_millis(60);
    settings
}

#[tokio::test]
async fn a_clock_that_is_put_back_and_forth_during_a_run_does_no_harm() {
    for chosen in [Chosen::Named, Chosen::Failed] {
        for mixed in [MixedList::Refuse, MixedList::Partial] {
            let stage = stage(mixed).await;
            let clock = Arc::new(Wrong::default());
            let secrets = (stage.emulator.app_key(), stage.emulator.app_secret());
            let client = client_of(stage.emulator.base_url(), secrets, Arc::clone(&clock) as Arc<dyn Clock>);
            let plan = plan(chosen, DEVICES, CHUNK);
            let journal = stage.create(&stage.path(), &plan, &quick());
            let campaign = Campaign::new(&client, plan, quick())
                .journal(journal)
                .time(Time::of_clock(Arc::clone(&clock) as Arc<dyn Clock>));
            let mut answers = 0;
            let finished = finish_with(campaign, |event, _| {
                if let Event::Answered { .. } = event {
                    answers += 1;
                    // Within what the platform takes.
                    clock.off_by([-7, 0, 7, 3, -3][answers / 3 % 5] * MINUTE_MS);
                }
            })
            .await;
            assert!(matches!(finished.ending, Ending::Complete), "{:?}", finished.ending);
            stage.check(&finished.table);
            stage.check_journal(&stage.path(), &finished.table);
            assert_eq!(stage.retried(), failed_of(DEVICES));
        }
    }
}

#[tokio::test]
async fn a_clock_that_was_put_back_or_forth_between_two_runs_does_no_harm() {
    for chosen in [Chosen::Named, Chosen::Failed] {
        for off_by in [-10, 10] {
            let stage = stage(MixedList::Refuse).await;
            let clock = Arc::new(Wrong::default());
            clock.off_by(off_by * MINUTE_MS);
            let secrets = (stage.emulator.app_key(), stage.emulator.app_secret());
            let client = client_of(stage.emulator.base_url(), secrets, Arc::clone(&clock) as Arc<dyn Clock>);
            let time = || Time::of_clock(Arc::clone(&clock) as Arc<dyn Clock>);
            let plan = plan(chosen, DEVICES, CHUNK);
            let journal = stage.create(&stage.path(), &plan, &quick());
            let mut campaign = Campaign::new(&client, plan, quick()).journal(journal).time(time());
            for run in 0..4 {
                let mut answers = 0;
                let finished = finish_with(campaign, |event, running| {
                    if let Event::Answered { .. } = event {
                        answers += 1;
                        if answers == 9 && run < 3 {
                            running.controller().abandon();
                        }
                    }
                })
                .await;
                stage.wait_until(|| stage.is_quiet()).await;
                stage.check(&finished.table);
                // Back, and then forth; or the other way round.
                clock.off_by([0, -off_by, off_by, 0][run] * MINUTE_MS);
                let (journal, recovered) = Journal::open(&stage.path()).unwrap();
                campaign = Campaign::resume(&client, journal, recovered, operator())
                    .unwrap()
                    .time(time());
            }
            drop(campaign);
            stage.complete().await;
        }
    }
}

#[tokio::test]
async fn a_clock_that_the_platform_does_not_take_stops_the_campaign_until_it_is_right_again() {
    for hours in [-1, 1] {
        let stage = stage(MixedList::Refuse).await;
        let clock = Arc::new(Wrong::default());
        let secrets = (stage.emulator.app_key(), stage.emulator.app_secret());
        let client = client_of(stage.emulator.base_url(), secrets, Arc::clone(&clock) as Arc<dyn Clock>);
        let plan = plan(Chosen::Named, DEVICES, CHUNK);
        let journal = stage.create(&stage.path(), &plan, &quick());
        let campaign = Campaign::new(&client, plan, quick())
            .journal(journal)
            .time(Time::of_clock(Arc::clone(&clock) as Arc<dyn Clock>));
        let mut answers = 0;
        let finished = finish_with(campaign, |event, _| {
            if let Event::Answered { .. } = event {
                answers += 1;
                if answers == 9 {
                    clock.off_by(hours * 60 * MINUTE_MS);
                }
            }
        })
        .await;
        assert!(matches!(finished.ending, Ending::Stopped(_)), "{:?}", finished.ending);
        stage.check(&finished.table);
        stage.complete().await;
    }
}

#[tokio::test]
async fn a_call_that_is_carried_out_long_after_it_was_given_up_is_told_as_what_it_is() {
    for chosen in [Chosen::Named, Chosen::Failed] {
        for chunk in [1, 5] {
            let stage = Stage::set_in_real_time(MixedList::Refuse, |builder| {
                builder.fleet(fleet(60)).pace(Pace::frozen())
            })
            .await;
            let retry = Scope::Action(Action::RetryTask);
            let search = Scope::Action(Action::SearchTask);
            // The client gives up sooner. What it sees then is what was before, and it sees it later.
            let ms = Duration::from_millis;
            stage
                .emulator
                .faults()
                .push(Fault::latency(ms(350)).on(retry).probability(0.3).times(6));
            stage
                .emulator
                .faults()
                .push(Fault::delay_answer(ms(130)).on(search).probability(0.7).forever());
            let client = Client::builder()
                .base_url(stage.emulator.base_url())
                .credentials(Credentials::new(stage.emulator.app_key(), stage.emulator.app_secret()).unwrap())
                .org_id(ORG)
                .attempt_timeout(ms(200))
                .retry_policy(RetryPolicy::default().with_waits(ms(1), ms(1)))
                .build()
                .unwrap();
            let mut settings = quick();
            settings.lag = ms(20);
            let plan = plan(chosen, 60, chunk);
            let journal = stage.create(&stage.path(), &plan, &settings);
            let finished = finish_with(Campaign::new(&client, plan, settings).journal(journal), |_, _| ()).await;
            stage.wait_until(|| stage.is_quiet()).await;
            assert!(matches!(finished.ending, Ending::Complete), "{:?}", finished.ending);
            stage.check(&finished.table);
            stage.check_journal(&stage.path(), &finished.table);
            let Summary { accepted, unknown, .. } = finished.table.summary();
            assert_eq!(accepted + unknown, failed_of(60), "{:?}", finished.table.summary());
            // What left `failed` after it had been seen untouched may be anybody's doing.
            assert!(unknown <= 6 * chunk, "{unknown}");
        }
    }
}
