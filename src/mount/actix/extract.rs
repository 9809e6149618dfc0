//! actix-web's own extractors in handlers.

use std::any::type_name;

use actix_web::dev::Payload;
use actix_web::test::TestRequest;
use actix_web::web::{self, Data, ReqData};
use actix_web::{FromRequest as _, HttpMessage as _};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::protocol::resources::ReadResourceResult;
use crate::protocol::tools::CallToolResult;
use crate::server::arguments::{Args, read};
use crate::server::call::Call;
use crate::server::extract::{FromCall, Needs, State};
use crate::server::refusal::Refusal;
use crate::server::resource::IntoResourceResult;
use crate::server::result::{IntoToolResult, Json, ToolError};

/// actix-web's `Data`: that of the application, which the scope forwards with `data::<T>()`, else one that was given to
/// [`Mcp::state`](crate::Mcp::state).
impl<T: ?Sized + Send + Sync + 'static> FromCall for Data<T> {
    fn needs(needs: &mut Needs) {
        needs.extension::<Self>();
        // Which of the two it will be is known to the scope only.
        Option::<State<Self>>::needs(needs);
    }

    async fn from_call(call: &mut Call) -> Result<Self, Refusal> {
        let forwarded = call.extensions().and_then(|extensions| extensions.get::<Self>()).cloned();
        let (noun, name, wanted) = (call.target.noun(), call.name(), type_name::<T>());
        forwarded.or_else(|| call.state().ok()).ok_or_else(|| {
            let text = format!(
                "{noun} `{name}`: there is no `Data<{wanted}>`; add `.data::<{wanted}>()` to the scope, and \
                 `.app_data(Data::new(..))` to the application"
            );
            call.tell_host(&text);
            Refusal::internal_absent(text)
        })
    }
}

/// actix-web's `ReqData`: what its middleware put into the request's extensions, if the scope forwards it.
impl<T: Clone + Send + Sync + 'static> FromCall for ReqData<T> {
    fn needs(needs: &mut Needs) {
        needs.extension::<T>();
    }

    async fn from_call(call: &mut Call) -> Result<Self, Refusal> {
        let value: T = call.extension()?;
        // There is no other way to make one than to have it extracted.
        let request = TestRequest::default().to_http_request();
        request.extensions_mut().insert(value);
        let extracted = Self::from_request(&request, &mut Payload::None).into_inner();
        extracted.map_err(|error| Refusal::internal(error.to_string()))
    }
}

/// actix-web's `Json`: all arguments.
impl<T: DeserializeOwned + JsonSchema + Send + 'static> FromCall for web::Json<T> {
    fn needs(needs: &mut Needs) {
        Args::<T>::needs(needs);
    }

    async fn from_call(call: &mut Call) -> Result<Self, Refusal> {
        read(call).map(web::Json)
    }
}

/// actix-web's `Json`: structured output.
impl<T: Serialize + JsonSchema> IntoToolResult for web::Json<T> {
    fn into_tool_result(self) -> Result<CallToolResult, ToolError> {
        Json(self.0).into_tool_result()
    }

    fn output_schema() -> Option<Value> {
        Json::<T>::output_schema()
    }
}

/// actix-web's `Json`: JSON text.
impl<T: Serialize + JsonSchema> IntoResourceResult for web::Json<T> {
    fn into_resource_result(self) -> Result<Option<ReadResourceResult>, ToolError> {
        Json(self.0).into_resource_result()
    }
}
