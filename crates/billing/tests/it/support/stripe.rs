//! A stand-in for Stripe that keeps state: customers subscribe, renew, change
//! and cancel, and each step leaves the events that Stripe would send.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    routing::{get, post},
};
use billing::{clock::Clock, identity::AccountId, stripe::Signatures};
use serde_json::{Value, json};

const MONTH: i64 = 30 * 86_400;

/// Where a subscription's period stands in the JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Api {
    Before2025,
    Of2025,
}

/// The stand-in.
#[derive(Clone)]
pub(crate) struct StripeStandIn {
    pub(crate) url: String,
    clock: Clock,
    books: Arc<Mutex<Books>>,
}

#[derive(Default)]
struct Books {
    next: u32,
    /// What was asked of us, as it came.
    asked: Vec<String>,
    subscriptions: BTreeMap<String, Subscription>,
    events: Vec<Value>,
    line_items: BTreeMap<String, String>,
}

/// A subscription as the stand-in has it.
#[derive(Debug, Clone)]
pub(crate) struct Subscription {
    pub(crate) id: String,
    pub(crate) customer: String,
    pub(crate) price: String,
    pub(crate) status: &'static str,
    pub(crate) period: (i64, i64),
    pub(crate) closes: bool,
    api: Api,
}

impl Subscription {
    fn json(&self) -> Value {
        let (start, end) = self.period;
        let mut item = json!({"price": {"id": self.price}});
        let mut object = json!({"id": self.id, "object": "subscription", "customer": self.customer,
            "status": self.status, "cancel_at_period_end": self.closes});
        let holder = if self.api == Api::Of2025 { &mut item } else { &mut object };
        holder["current_period_start"] = start.into();
        holder["current_period_end"] = end.into();
        object["items"] = json!({"data": [item]});
        object
    }

    pub(crate) fn is_live(&self) -> bool {
        matches!(self.status, "active" | "past_due")
    }
}

impl StripeStandIn {
    pub(crate) async fn start(clock: &Clock) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let stripe = Self { url, clock: clock.clone(), books: Arc::default() };
        let routes = Router::new()
            .route("/v1/checkout/sessions", post(open))
            .route("/v1/billing_portal/sessions", post(open))
            .route("/v1/subscriptions/{id}", get(look_up))
            .route("/v1/checkout/sessions/{id}/line_items", get(line_items))
            .with_state(stripe.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        stripe
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().expect("no panic")
    }

    fn name(&self, what: &str) -> String {
        let mut books = self.books();
        books.next += 1;
        format!("{what}_{}_{}", std::process::id(), books.next)
    }

    /// The last call, decoded.
    pub(crate) fn last_asked(&self) -> String {
        self.books().asked.last().expect("asked").clone()
    }

    /// The events so far, as bodies.
    pub(crate) fn events(&self) -> Vec<Vec<u8>> {
        self.books().events.iter().map(|event| event.to_string().into_bytes()).collect()
    }

    pub(crate) fn subscription(&self, id: &str) -> Subscription {
        self.books().subscriptions[id].clone()
    }

    fn emit(&self, kind: &str, object: &Value) {
        let id = self.name("evt");
        let created = self.clock.now().seconds();
        let event = json!({"id": id, "object": "event", "type": kind, "created": created, "data": {"object": object}});
        self.books().events.push(event);
    }

    fn tell(&self, id: &str, kind: &str) {
        let object = self.subscription(id).json();
        self.emit(kind, &object);
    }

    fn invoice(&self, id: &str, kind: &str, reason: &str) {
        let subscription = self.subscription(id);
        let (start, end) = subscription.period;
        let mut line = json!({"period": {"start": start, "end": end}});
        let mut object = json!({"id": self.name("in"), "customer": subscription.customer, "billing_reason": reason});
        if subscription.api == Api::Of2025 {
            object["parent"] = json!({"subscription_details": {"subscription": id}});
            line["pricing"] = json!({"price_details": {"price": subscription.price}});
        } else {
            object["subscription"] = id.into();
            line["price"] = json!({"id": subscription.price});
        }
        object["lines"] = json!({"data": [line]});
        self.emit(kind, &object);
    }

    /// A customer finishes a checkout of a subscription.
    pub(crate) fn subscribe(
        &self,
        account: AccountId,
        customer: &str,
        price: &str,
        api: Api,
    ) -> String {
        let (id, now) = (self.name("sub"), self.clock.now().seconds());
        let subscription = Subscription {
            id: id.clone(),
            customer: customer.to_owned(),
            price: price.to_owned(),
            status: "active",
            period: (now, now + MONTH),
            closes: false,
            api,
        };
        self.books().subscriptions.insert(id.clone(), subscription);
        self.tell(&id, "customer.subscription.created");
        self.invoice(&id, "invoice.paid", "subscription_create");
        let object = json!({"id": self.name("cs"), "mode": "subscription", "payment_status": "paid",
            "client_reference_id": account.to_string(), "customer": customer, "subscription": id});
        self.emit("checkout.session.completed", &object);
        id
    }

    fn change(&self, id: &str, change: impl FnOnce(&mut Subscription)) {
        change(self.books().subscriptions.get_mut(id).expect("there is one"));
    }

    pub(crate) fn renew(&self, id: &str) {
        self.change(id, |subscription| {
            let (_, end) = subscription.period;
            subscription.period = (end, end + MONTH);
            subscription.status = "active";
        });
        self.tell(id, "customer.subscription.updated");
        self.invoice(id, "invoice.paid", "subscription_cycle");
    }

    /// Moves the end of the running period, as a trial's extension does.
    pub(crate) fn extend(&self, id: &str, seconds: i64) {
        self.change(id, |subscription| subscription.period.1 += seconds);
        self.tell(id, "customer.subscription.updated");
    }

    pub(crate) fn change_price(&self, id: &str, price: &str) {
        self.change(id, |subscription| price.clone_into(&mut subscription.price));
        self.tell(id, "customer.subscription.updated");
    }

    pub(crate) fn close(&self, id: &str, closes: bool) {
        self.change(id, |subscription| subscription.closes = closes);
        self.tell(id, "customer.subscription.updated");
    }

    pub(crate) fn fail_payment(&self, id: &str) {
        self.invoice(id, "invoice.payment_failed", "subscription_cycle");
        self.change(id, |subscription| subscription.status = "past_due");
        self.tell(id, "customer.subscription.updated");
    }

    pub(crate) fn delete(&self, id: &str) {
        self.change(id, |subscription| subscription.status = "canceled");
        self.tell(id, "customer.subscription.deleted");
    }

    /// A customer pays for a pack; the payment intent. Without a name in the
    /// metadata, only the line items tell the pack.
    pub(crate) fn buy(
        &self,
        account: AccountId,
        pack: Option<&str>,
        price: &str,
        amount: i64,
    ) -> String {
        let (session, intent) = (self.name("cs"), self.name("pi"));
        self.books().line_items.insert(session.clone(), price.to_owned());
        let metadata = pack.map_or(json!({}), |pack| json!({"pack": pack}));
        let object = json!({"id": session, "mode": "payment", "payment_status": "paid", "payment_intent": intent,
            "amount_total": amount, "client_reference_id": account.to_string(), "metadata": metadata});
        self.emit("checkout.session.completed", &object);
        intent
    }

    /// Pays back; `refunded` is all of it so far.
    pub(crate) fn refund(&self, intent: &str, amount: i64, refunded: i64) {
        let object = json!({"id": self.name("ch"), "payment_intent": intent, "amount": amount,
            "amount_refunded": refunded, "refunded": refunded == amount});
        self.emit("charge.refunded", &object);
    }
}

/// The signatures that the bed's service accepts.
pub(crate) fn signatures() -> Signatures {
    Signatures::new("whsec_new", 300)
}

async fn open(State(stripe): State<StripeStandIn>, body: String) -> String {
    let plain =
        body.replace("%5B", "[").replace("%5D", "]").replace("%40", "@").replace("%3A", ":");
    stripe.books().asked.push(plain);
    json!({"id": stripe.name("cs"), "url": format!("{}/pay", stripe.url)}).to_string()
}

async fn look_up(
    State(stripe): State<StripeStandIn>,
    Path(id): Path<String>,
) -> Result<String, StatusCode> {
    let found = stripe.books().subscriptions.get(&id).map(Subscription::json);
    found.map(|subscription| subscription.to_string()).ok_or(StatusCode::NOT_FOUND)
}

async fn line_items(State(stripe): State<StripeStandIn>, Path(id): Path<String>) -> String {
    let price = stripe.books().line_items.get(&id).cloned();
    json!({"data": [{"price": {"id": price}}]}).to_string()
}
