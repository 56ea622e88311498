//! The loop that somebody would write by hand: the same lists, signed, so many calls at a time, and nothing else.

use enos_ota::{Clock as _, SystemClock, reqwest, sign};
use enos_ota_campaign::Plan;
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};

use crate::stage::{JOB, ORG, Stage};

pub(crate) async fn retry(stage: &Stage, plan: &Plan, concurrency: usize) {
    let http = reqwest::Client::new();
    let token = stage
        .client
        .token_source()
        .token()
        .await
        .expect("the emulator gives a token");
    let secret = enos_ota::AppSecret::new(stage.emulator.app_secret().to_owned());
    let url = format!(
        "{}/connect-service/v2.1/ota-jobs?action=retryTask&orgId={ORG}&jobId={JOB}",
        stage.emulator.base_url()
    );
    let devices = &plan.devices;
    let ids: Vec<_> = devices.ids().collect();
    let (http, token, secret, url) = (&http, &token, &secret, &url);
    stream::iter(ids.chunks(plan.chunk_size.get()))
        .for_each_concurrent(concurrency, |list| async move {
            let keys: Vec<_> = list.iter().map(|id| devices.key(*id)).collect();
            let body = json!({ "deviceKeys": keys }).to_string();
            let request = http.post(url).header("content-type", "application/json").body(body);
            let mut request = request.build().expect("the request is well-formed");
            sign::sign_request(&mut request, token, SystemClock.now_ms(), secret).expect("the body is in memory");
            let answer = http.execute(request).await.expect("the emulator answers");
            let answer: Value = serde_json::from_slice(&answer.bytes().await.expect("the whole answer comes"))
                .expect("the answer is JSON");
            assert_eq!(answer["code"], 0);
        })
        .await;
}
