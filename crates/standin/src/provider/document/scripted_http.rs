//! An HTTP client for tests: answers from a script, counts, and can hold its answers back.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, LOCATION};
use http::{HeaderMap, HeaderValue, StatusCode};
use tokio::sync::Semaphore;

use crate::http::{HttpClient, HttpError, Request, Response};

/// What is answered.
#[derive(Clone)]
pub(crate) enum Answer {
    /// 200 with this body, good for this many seconds.
    Ok(Vec<u8>, u64),
    /// Another status.
    Status(u16),
    /// Nothing.
    Error(HttpError),
}

/// Gives the same answer until it is told another one.
pub(crate) struct ScriptedHttp {
    answer: Mutex<Answer>,
    calls: AtomicUsize,
    permits: Semaphore,
    asked: Mutex<Vec<String>>,
}

impl ScriptedHttp {
    pub(crate) fn new(answer: Answer) -> Self {
        Self {
            answer: Mutex::new(answer),
            calls: AtomicUsize::new(0),
            permits: Semaphore::new(1_000_000),
            asked: Mutex::default(),
        }
    }

    /// From now on every call is held back until [`release`](Self::release).
    pub(crate) fn hold(&self) {
        self.permits.forget_permits(1_000_000);
    }

    pub(crate) fn release(&self) {
        self.permits.add_permits(1_000_000);
    }

    pub(crate) fn answer(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    /// How often it was called.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// The addresses it was called at.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl HttpClient for ScriptedHttp {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.asked.lock().unwrap().push(request.url.to_string());
        self.permits.acquire().await.unwrap().forget();
        let answer = self.answer.lock().unwrap().clone();
        let mut headers = HeaderMap::new();
        let (status, body) = match answer {
            Answer::Error(error) => return Err(error),
            Answer::Ok(body, _) if body.len() > request.max_response_bytes => {
                return Err(HttpError::TooLarge(request.max_response_bytes));
            }
            Answer::Ok(body, max_age) => {
                let max_age = format!("public, max-age={max_age}");
                headers.insert(CACHE_CONTROL, HeaderValue::try_from(max_age).unwrap());
                (StatusCode::OK, body)
            }
            Answer::Status(status) => {
                let elsewhere = HeaderValue::from_static("http://169.254.169.254/");
                headers.insert(LOCATION, elsewhere);
                (StatusCode::from_u16(status).unwrap(), Vec::new())
            }
        };
        Ok(Response { status, headers, body: Bytes::from(body) })
    }
}
