//! One macro that makes, from a list of calls, the trait, the handle, the gRPC
//! client and server adapters and the fake of a service whose calls are all one
//! message in, one message out.

/// Names what a handler of a fake is.
pub(crate) type Handler<Request, Response> =
    Option<Box<dyn Fn(Request) -> Result<Response, crate::ServiceError> + Send + Sync>>;

macro_rules! unary_service {
    (
        $(#[$trait_doc:meta])*
        trait $Trait:ident, handle $Handle:ident, grpc $Grpc:ident, fake $Fake:ident;
        metric $metric:literal;
        client $Client:ty;
        server $Server:path;
        $( $(#[$doc:meta])* $method:ident($Request:ty) -> $Response:ty; )+
    ) => {
        $(#[$trait_doc])*
        #[async_trait::async_trait]
        pub trait $Trait: Send + Sync + 'static {
            $(
                $(#[$doc])*
                async fn $method(&self, request: $Request) -> Result<$Response, ServiceError>;
            )+
        }

        /// A cloneable way to the service, in process or over gRPC.
        #[derive(Clone)]
        pub struct $Handle {
            service: std::sync::Arc<dyn $Trait>,
            deadline: std::time::Duration,
        }

        impl $Handle {
            /// How long a call may take unless [`Self::with_deadline`] says
            /// otherwise.
            pub const DEFAULT_DEADLINE: std::time::Duration = std::time::Duration::from_secs(10);

            /// The service in this process.
            pub fn local(service: impl $Trait) -> Self {
                Self { service: std::sync::Arc::new(service), deadline: Self::DEFAULT_DEADLINE }
            }

            /// The service behind a gRPC endpoint.
            #[must_use]
            pub fn remote(endpoint: crate::Endpoint) -> Self {
                Self::local(Remote(endpoint))
            }

            /// A scripted service for tests.
            #[must_use]
            pub fn fake(fake: $Fake) -> Self {
                Self::local(fake)
            }

            /// Bounds every call of this handle.
            #[must_use]
            pub fn with_deadline(mut self, deadline: std::time::Duration) -> Self {
                self.deadline = deadline;
                self
            }

            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// The service's own, or [`ErrorCode::DeadlineExceeded`].
                pub async fn $method(&self, request: $Request) -> Result<$Response, ServiceError> {
                    let started = std::time::Instant::now();
                    let call = tokio::time::timeout(self.deadline, self.service.$method(request));
                    let result = call.await.unwrap_or_else(|_| {
                        Err(ServiceError::new(ErrorCode::DeadlineExceeded, "the service did not answer in time"))
                    });
                    let code = result.as_ref().err().map_or("ok", |error| error.code.name());
                    metrics::histogram!($metric, "method" => stringify!($method), "code" => code)
                        .record(started.elapsed().as_secs_f64());
                    result
                }
            )+
        }

        impl std::fmt::Debug for $Handle {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($Handle)).field("deadline", &self.deadline).finish_non_exhaustive()
            }
        }

        struct Remote(crate::Endpoint);

        #[async_trait::async_trait]
        impl $Trait for Remote {
            $(
                async fn $method(&self, request: $Request) -> Result<$Response, ServiceError> {
                    let channel = self.0.channel()?;
                    let response = <$Client>::new(channel).$method(request).await?;
                    Ok(response.into_inner())
                }
            )+
        }

        /// The gRPC face of the service: a thin shell over any handle.
        #[derive(Debug, Clone)]
        pub struct $Grpc($Handle);

        impl $Grpc {
            /// Serves what the handle reaches.
            #[must_use]
            pub fn new(handle: $Handle) -> Self {
                Self(handle)
            }
        }

        #[async_trait::async_trait]
        impl $Server for $Grpc {
            $(
                async fn $method(
                    &self,
                    request: tonic::Request<$Request>,
                ) -> Result<tonic::Response<$Response>, tonic::Status> {
                    Ok(tonic::Response::new(self.0.$method(request.into_inner()).await?))
                }
            )+
        }

        /// A scripted service: each call answers by its handler; one without a
        /// handler answers [`ErrorCode::Unavailable`].
        #[derive(Default)]
        #[allow(missing_docs, reason = "the fields are the calls of the trait")]
        pub struct $Fake {
            $( pub $method: crate::unary::Handler<$Request, $Response>, )+
        }

        #[async_trait::async_trait]
        impl $Trait for $Fake {
            $(
                async fn $method(&self, request: $Request) -> Result<$Response, ServiceError> {
                    match &self.$method {
                        Some(handler) => handler(request),
                        None => Err(ServiceError::new(ErrorCode::Unavailable, "not scripted")),
                    }
                }
            )+
        }
    };
}

pub(crate) use unary_service;
