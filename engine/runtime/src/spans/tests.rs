//! Tests of what is told of an event and its deliveries, over an outlet whose collector is scripted.

use std::{collections::VecDeque, sync::Mutex};

use async_trait::async_trait;
use leadhook_core::outcome::Answer;
use tokio::sync::watch;

use super::{outlet::WAITING_MAX, *};

/// Keeps the bodies that it takes; answers by a script, then 200.
#[derive(Default)]
struct Taker {
    script: Mutex<VecDeque<u16>>,
    asked: watch::Sender<usize>,
    taken: watch::Sender<Vec<serde_json::Value>>,
}

#[async_trait]
impl Carrier for Taker {
    async fn carry(&self, request: &Request, _headers: &[(String, String)], _timeout: Duration) -> Outcome {
        assert_eq!(request.url, "http://collector.example/v1/traces");
        self.asked.send_modify(|asked| *asked += 1);
        let status = self.script.lock().unwrap().pop_front().unwrap_or(200);
        if status == 200 {
            let body = serde_json::from_slice(&request.body).unwrap();
            self.taken.send_modify(|taken| taken.push(body));
        }
        Outcome::Answered(Answer { status, ..Answer::default() })
    }
}

fn spans(taker: &Arc<Taker>) -> Spans {
    let url = "http://collector.example/v1/traces".to_owned();
    Spans::start(Some(Collector { carrier: Arc::<Taker>::clone(taker), url }))
}

/// The names of the spans that were taken, in order.
fn names(taker: &Taker) -> Vec<String> {
    let taken = taker.taken.borrow();
    let spans = taken
        .iter()
        .flat_map(|body| body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().clone());
    spans.map(|span| span["name"].as_str().unwrap().to_owned()).collect()
}

fn span(name: &'static str) -> Span {
    Span {
        context: Context { trace: TraceId::random(), span: SpanId::random() },
        parent: None,
        link: None,
        name,
        kind: Kind::Internal,
        began: Timestamp(1),
        lasted: Duration::ZERO,
        attributes: Vec::new(),
        moments: Vec::new(),
        failure: None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_collector_that_is_busy_gets_the_batch_again_and_one_that_refuses_it_does_not() {
    let taker = Arc::new(Taker::default());
    let spans = spans(&taker);
    let outlet = spans.outlet.as_ref().unwrap();
    taker.script.lock().unwrap().extend([503, 429]);
    outlet.put(span("first"));
    taker.taken.subscribe().wait_for(|taken| taken.len() == 1).await.unwrap();
    assert_eq!((names(&taker), *taker.asked.borrow()), (vec!["first".to_owned()], 3));
    taker.script.lock().unwrap().push_back(400);
    outlet.put(span("refused"));
    taker.asked.subscribe().wait_for(|asked| *asked == 4).await.unwrap();
    spans.close(Duration::from_secs(60)).await;
    assert_eq!((*taker.asked.borrow(), spans.dropped.get()), (4, 1));
}

#[tokio::test(start_paused = true)]
async fn what_a_collector_never_takes_is_dropped_after_a_few_tries() {
    let taker = Arc::new(Taker::default());
    let spans = spans(&taker);
    let outlet = spans.outlet.as_ref().unwrap();
    taker.script.lock().unwrap().extend([503; 4]);
    outlet.put(span("never taken"));
    taker.asked.subscribe().wait_for(|asked| *asked == 4).await.unwrap();
    outlet.put(span("taken"));
    taker.taken.subscribe().wait_for(|taken| taken.len() == 1).await.unwrap();
    assert_eq!((names(&taker), spans.dropped.get()), (vec!["taken".to_owned()], 1));
}

#[tokio::test(start_paused = true)]
async fn the_oldest_go_where_too_many_wait_and_the_rest_is_told_at_the_end() {
    let taker = Arc::new(Taker::default());
    let spans = spans(&taker);
    let outlet = spans.outlet.as_ref().unwrap();
    outlet.put(span("oldest"));
    for _ in 0..WAITING_MAX {
        outlet.put(span("newer"));
    }
    assert_eq!(spans.dropped.get(), 1);
    spans.close(Duration::from_secs(5)).await;
    let names = names(&taker);
    assert_eq!(names.len(), WAITING_MAX);
    assert!(names.iter().all(|name| name == "newer"));
}

#[tokio::test]
async fn without_a_collector_nothing_is_begun() {
    let spans = Spans::start(None);
    assert!(spans.begin(Timestamp(1)).is_none());
    spans.close(Duration::ZERO).await;
}
