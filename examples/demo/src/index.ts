export { type DemoService, demoServices } from "./services.ts";
