/* Loaded before the first paint: turns the choice "auto" into light or dark, so that nothing flashes. */
(function () {
  "use strict";
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  function follow() {
    if (root.dataset.theme === "auto") {
      root.setAttribute("data-bs-theme", dark.matches ? "dark" : "light");
    }
  }
  follow();
  dark.addEventListener("change", follow);
  root.classList.add("has-js");
})();
