//! The reference: the OpenAPI document, generated from the handlers, and a page
//! that reads it and runs real requests. All of its assets are in this binary.

mod catalogue;
mod document;
mod errors;

use std::sync::{Arc, LazyLock};

use actix_web::{
    HttpResponse,
    http::header,
    web::{Json, Path},
};
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::{Config, SwaggerFile, serve};

pub use self::document::openapi_document;

static DOCUMENT: LazyLock<OpenApi> = LazyLock::new(openapi_document);

static PAGE: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
    let config = Config::new(["/api/openapi"])
        .try_it_out_enabled(true)
        .persist_authorization(true)
        .display_request_duration(true)
        // The validator would be asked on another host.
        .validator_url("none");
    Arc::new(config)
});

/// The page's files are relative to it, with or without the final slash.
const BASE: &str = "<head>\n    <base href=\"/api/docs/\">";

/// This document.
#[utoipa::path(get, path = "/api/openapi", tag = "Reference", operation_id = "openapi",
    responses((status = 200, description = "OpenAPI 3.1.", content_type = "application/json",
               body = Object)))]
pub(crate) async fn openapi() -> Json<&'static OpenApi> {
    Json(&DOCUMENT)
}

/// An interactive reference that runs real requests with your key.
#[utoipa::path(get, path = "/api/docs", tag = "Reference", operation_id = "docs",
    responses((status = 200, description = "A page.", content_type = "text/html", body = String)))]
pub(crate) async fn docs_page() -> HttpResponse {
    match asset("index.html") {
        Some(file) => {
            let page = String::from_utf8_lossy(&file.bytes).replacen("<head>", BASE, 1);
            HttpResponse::Ok().content_type("text/html; charset=utf-8").body(page)
        }
        None => HttpResponse::NotFound().finish(),
    }
}

/// A file of the page.
pub(crate) async fn docs_file(file: Path<String>) -> HttpResponse {
    if file.is_empty() || *file == "index.html" {
        return docs_page().await;
    }
    let Some(found) = asset(&file) else { return HttpResponse::NotFound().finish() };
    let mut response = HttpResponse::Ok();
    if found.gzpipped {
        response.insert_header((header::CONTENT_ENCODING, "gzip"));
    }
    response
        .insert_header((header::CACHE_CONTROL, "public, max-age=3600"))
        .content_type(found.content_type)
        .body(found.bytes.into_owned())
}

fn asset(name: &str) -> Option<SwaggerFile<'static>> {
    serve(name, Arc::clone(&PAGE)).ok().flatten()
}
