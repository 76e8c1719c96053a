//! Which path and method goes where.

use actix_web::{
    FromRequest, Handler, HttpResponse, Resource, Responder,
    http::{Method, header},
    web::{self, ServiceConfig},
};

use crate::{accounts, landing, reference, removal, status, usage};

/// Every path of the service. A path that is none of these is a 404, which the
/// edge gives its body.
pub(crate) fn configure(config: &mut ServiceConfig) {
    Endpoint::at("/rmbg").post(removal::remove_background).mount(config);
    Endpoint::at("/api/membership-usage").get(usage::membership_usage).mount(config);
    accounts::configure(config);
    Endpoint::at("/api/openapi").get(reference::openapi).mount(config);
    Endpoint::at("/api/docs").get(reference::docs_page).mount(config);
    Endpoint::at("/api/docs/{file:.*}").get(reference::docs_file).mount(config);
    Endpoint::at("/healthz").get(status::healthz).mount(config);
    Endpoint::at("/readyz").get(status::readyz).mount(config);
    Endpoint::at("/metrics").get(status::metrics).mount(config);
    Endpoint::at("/").get(landing::page).mount(config);
    Endpoint::at("/verify").get(landing::verify).mount(config);
    Endpoint::at("/reset").get(landing::reset).mount(config);
    Endpoint::at("/assets/{file}").get(landing::asset).mount(config);
}

/// One path and its methods. `HEAD` goes with `GET`, `OPTIONS` tells the
/// methods, all others get a 405 that tells them too.
pub(crate) struct Endpoint {
    resource: Resource,
    allowed: Vec<Method>,
}

impl Endpoint {
    pub(crate) fn at(path: &str) -> Self {
        Self { resource: web::resource(path.to_owned()), allowed: Vec::new() }
    }

    pub(crate) fn get<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args> + Clone,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.on(Method::GET, handler.clone()).on(Method::HEAD, handler)
    }

    pub(crate) fn post<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.on(Method::POST, handler)
    }

    pub(crate) fn delete<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.on(Method::DELETE, handler)
    }

    fn on<F, Args>(mut self, method: Method, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.allowed.push(method.clone());
        self.resource = self.resource.route(web::method(method).to(handler));
        self
    }

    pub(crate) fn mount(mut self, config: &mut ServiceConfig) {
        self.allowed.push(Method::OPTIONS);
        let allowed = self.allowed.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
        let options = allowed.clone();
        let resource = self
            .resource
            .route(web::method(Method::OPTIONS).to(move || tell(options.clone(), true)))
            .default_service(web::to(move || tell(allowed.clone(), false)));
        config.service(resource);
    }
}

async fn tell(allowed: String, asked: bool) -> HttpResponse {
    let mut response =
        if asked { HttpResponse::NoContent() } else { HttpResponse::MethodNotAllowed() };
    response.insert_header((header::ALLOW, allowed)).finish()
}
