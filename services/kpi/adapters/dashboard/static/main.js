// Starts the page that the shell names.
import { run } from "./frame.js";

const pages = {
  today: () => import("./page-today.js"),
  table: () => import("./page-table.js"),
  trends: () => import("./page-trends.js"),
  overdue: () => import("./page-overdue.js"),
  leads: () => import("./page-leads.js"),
  lead: () => import("./page-lead.js"),
};

const { page } = await pages[document.body.dataset.page]();
run(page);
