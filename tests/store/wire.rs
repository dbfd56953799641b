//! The connection between a sandbox and its table: it counts calls, and breaks them on demand.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::config::http::{HttpRequest, HttpResponse};
use aws_sdk_dynamodb::config::{HttpClient, RuntimeComponents, SharedHttpClient};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::result::ConnectorError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Done, but the answer is lost.
    AnswerLost,
    /// Not done.
    Throttled,
}

#[derive(Clone, Debug, Default)]
pub struct Wire(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    calls: BTreeMap<String, usize>,
    /// The faults for the next calls of an operation, and their number.
    faults: BTreeMap<&'static str, (usize, Fault)>,
}

impl Wire {
    pub fn client(&self, through: SharedHttpClient) -> SharedHttpClient {
        SharedHttpClient::new(Client { through, wire: self.clone() })
    }

    /// Calls by operation since the last time.
    pub fn calls(&self) -> BTreeMap<String, usize> {
        std::mem::take(&mut self.0.lock().unwrap().calls)
    }

    pub fn breaks(&self, many: usize, operation: &'static str, fault: Fault) {
        self.0.lock().unwrap().faults.insert(operation, (many, fault));
    }

    fn carries(&self, request: &HttpRequest) -> Option<Fault> {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default();
        let mut state = self.0.lock().unwrap();
        *state.calls.entry(operation.to_owned()).or_default() += 1;
        let (left, fault) = state.faults.get_mut(operation)?;
        *left = left.checked_sub(1)?;
        Some(*fault)
    }
}

#[derive(Debug)]
struct Client {
    through: SharedHttpClient,
    wire: Wire,
}

#[derive(Debug)]
struct Connector {
    through: SharedHttpConnector,
    wire: Wire,
}

impl HttpClient for Client {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let through = self.through.http_connector(settings, components);
        SharedHttpConnector::new(Connector { through, wire: self.wire.clone() })
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        match self.wire.carries(&request) {
            None => self.through.call(request),
            Some(Fault::AnswerLost) => {
                let answer = self.through.call(request);
                HttpConnectorFuture::new(async move {
                    answer.await?;
                    Err(ConnectorError::io("lost".into()))
                })
            }
            Some(Fault::Throttled) => {
                let body = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"}"#;
                HttpConnectorFuture::ready(Ok(HttpResponse::new(400.try_into().unwrap(), body.into())))
            }
        }
    }
}
