import "@fontsource-variable/eb-garamond/wght.css";
import "@fontsource-variable/eb-garamond/wght-italic.css";
import "./styles/paper.css";
import { render } from "preact";
import { App } from "./shell";

const root = document.getElementById("app");
if (root) render(<App />, root);
