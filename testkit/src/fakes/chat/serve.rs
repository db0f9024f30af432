//! Serves connections: routes, reads and checks requests, and sends what was written for them.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, HeaderMap};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::answer::Answer;
use super::body::{Body, Watch, body, unwatched};
use super::error::ApiError;
use super::plan::ConnectionFault;
use super::seen::Seen;
use super::stream::{Manner, Written, write};
use super::wire::{Link, Wire};
use super::{Shared, check};

/// More than any conversation.
const MAX_REQUEST_BYTES: usize = 16 << 20;

/// How long to wait for a free descriptor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

const COMPLETIONS: &str = "/v1/chat/completions";
const MODELS: &str = "/v1/models";

/// The model that is listed when the plan names none.
const ANY_MODEL: &str = "fake-chat";

/// Names of models that stand for recorded answers begin with this.
const CASE_PREFIX: &str = "case:";

/// Accepts connections until it is told to stop; then none is left.
pub(super) async fn accept(listener: TcpListener, shared: Arc<Shared>, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let Ok((socket, _)) = accepted else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let conn = shared.accepted.fetch_add(1, Relaxed) + 1;
        if shared.plan(|plan| plan.connection_faults.get(&conn) == Some(&ConnectionFault::Refuse)) {
            shared.see(Seen::Refused { conn, at: Instant::now() });
            continue;
        }
        shared.see(Seen::Connected { conn, at: Instant::now() });
        connections.spawn(serve(socket, Arc::new(Link::new(conn, Arc::clone(&shared)))));
    }
    drop(listener);
    connections.shutdown().await;
}

async fn serve(socket: TcpStream, link: Arc<Link>) {
    let _open = link.shared.count_open();
    // Without it small pieces wait for each other; a socket that cannot have it serves all the same.
    let _ = socket.set_nodelay(true);
    let wire = TokioIo::new(Wire::new(socket, Arc::clone(&link)));
    let service = service_fn(move |request| {
        let connection = Connection(Arc::clone(&link));
        async move { Ok::<_, Infallible>(connection.respond(request).await) }
    });
    // However it ends: clients leave and plans break connections.
    let _ = http1::Builder::new().serve_connection(wire, service).await;
}

struct Connection(Arc<Link>);

impl Connection {
    async fn respond(&self, request: Request<Incoming>) -> Response<Body> {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let model = match path.strip_prefix(MODELS) {
            Some("") => Some(""),
            Some(rest) => rest.strip_prefix('/'),
            None => None,
        };
        match (&method, model) {
            (&Method::POST, None) if path == COMPLETIONS => self.complete(request).await,
            (&Method::GET, Some(name)) => self.models(&request, name),
            _ if path == COMPLETIONS || model.is_some() => plain(&ApiError::wrong_method(method.as_str(), &path)),
            _ => plain(&ApiError::no_such_path(method.as_str(), &path)),
        }
    }

    /// The list of models, or one of them.
    fn models(&self, request: &Request<Incoming>, name: &str) -> Response<Body> {
        let (allowed, mut models) = self.0.shared.plan(|plan| {
            let allowed = check::key(plan.key.as_deref(), key(request.headers()));
            (allowed, plan.models.clone())
        });
        if let Err(error) = allowed {
            return plain(&error);
        }
        let model = |id: &String| json!({"id": id, "object": "model", "created": 1_757_000_000, "owned_by": "fake"});
        if models.is_empty() {
            models.push(ANY_MODEL.to_owned());
        }
        match models.iter().find(|model| *model == name) {
            _ if name.is_empty() => {
                let data: Vec<_> = models.iter().map(model).collect();
                document(200, &json!({"object": "list", "data": data}))
            }
            Some(found) => document(200, &model(found)),
            None => plain(&ApiError::no_such_model(name)),
        }
    }

    async fn complete(&self, request: Request<Incoming>) -> Response<Body> {
        let (head, incoming) = request.into_parts();
        let Ok(read) = Limited::new(incoming, MAX_REQUEST_BYTES).collect().await else {
            return plain(&ApiError { status: 413, ..ApiError::new(400, "request_too_large", "That is too long.") });
        };
        let request: Arc<Value> = Arc::new(serde_json::from_slice(&read.to_bytes()).unwrap_or_default());
        let Link { conn, shared, .. } = &*self.0;
        let (conn, number) = (*conn, shared.requests.fetch_add(1, Relaxed) + 1);
        shared.see(Seen::Request { conn, at: Instant::now(), request: number, body: Arc::clone(&request) });
        // From here on somebody waits: when this is dropped, the client has left.
        let watch = Watch::new(Arc::clone(&self.0), number);

        let (manner, fault) = shared.plan(|plan| {
            let of_connection = match plan.connection_faults.get(&conn) {
                Some(ConnectionFault::Cut(cut)) => Some(*cut),
                _ => None,
            };
            (Manner::of(plan), plan.next_answer_cut.take().or(of_connection))
        });
        let answer = self.answer(key(&head.headers), &request).unwrap_or_else(Answer::from);
        if !answer.delay.is_zero() {
            sleep(answer.delay).await;
        }
        let Some(Written { status, headers, pieces, ending }) = write(&answer, &request, number, manner) else {
            return pending().await;
        };
        if status >= 400 {
            shared.see(Seen::Rejected { conn, at: Instant::now(), request: number, status });
        }
        self.0.answer_begins(number, answer.cut.or(fault));
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(name, value);
        }
        response
            .header("x-request-id", format!("req_{number}"))
            .header("openai-processing-ms", answer.delay.as_millis().to_string())
            .body(body(pieces, ending, watch))
            .expect("a plan's headers are headers")
    }

    /// What this request is answered.
    fn answer(&self, key: Option<&str>, request: &Value) -> Result<Answer, ApiError> {
        let planned = self.0.shared.plan(|plan| {
            check::key(plan.key.as_deref(), key)?;
            check::request(request)?;
            let model = request["model"].as_str().unwrap_or_default();
            if let Some(case) = model.strip_prefix(CASE_PREFIX) {
                return Ok(Ok(Answer::case(case)));
            }
            check::model(model, &plan.models)?;
            Ok(plan.queue.pop_front().ok_or_else(|| plan.default.clone()))
        })?;
        // A test's own function may want to change the plan, so it runs when the plan is free.
        Ok(planned.unwrap_or_else(|default| default.to(request)))
    }
}

/// The key of a request, as a bearer token or as Azure has it.
fn key(headers: &HeaderMap) -> Option<&str> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    text(AUTHORIZATION.as_str()).and_then(|value| value.strip_prefix("Bearer ")).or_else(|| text("api-key"))
}

fn plain(error: &ApiError) -> Response<Body> {
    document(error.status, &error.body())
}

fn document(status: u16, document: &Value) -> Response<Body> {
    let text = document.to_string();
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .header("content-length", text.len())
        .body(unwatched(text))
        .expect("the headers are written above")
}
