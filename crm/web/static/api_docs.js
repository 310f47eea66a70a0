/* Starts Swagger UI on the API's own description; outside the page because the CSP refuses inline script. */
(function () {
  "use strict";
  const place = document.getElementById("swagger-ui");
  window.SwaggerUIBundle(Object.assign({
    domNode: place,
    url: place.dataset.specUrl,
    deepLinking: true,
    validatorUrl: null,
    presets: [window.SwaggerUIBundle.presets.apis],
  }, JSON.parse(place.dataset.config || "{}")));
})();
