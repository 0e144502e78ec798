import { inkVariables } from "../figure/ink.ts";

/** The page's style sheet: light and dark, wide and narrow, screen and paper. Nothing is loaded from anywhere. */
export const style = `
:root{color-scheme:light;${inkVariables("light")};--panel:#f5f6f8;--link:#005a8f}
@media (prefers-color-scheme:dark){:root:not([data-theme=light]){color-scheme:dark;${inkVariables("dark")};--panel:#1d2128;--link:#7cc7f5}}
:root[data-theme=dark]{color-scheme:dark;${inkVariables("dark")};--panel:#1d2128;--link:#7cc7f5}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--background);color:var(--text);font:16px/1.55 system-ui,-apple-system,"Segoe UI","DejaVu Sans",sans-serif}
main{max-width:808px;margin:0 auto;padding:20px 24px 64px}
.top{display:flex;justify-content:space-between;align-items:center;color:var(--muted);font-size:14px;letter-spacing:.02em}
h1{font-size:30px;line-height:1.2;margin:20px 0 6px;overflow-wrap:anywhere}
h2{font-size:22px;line-height:1.25;margin:52px 0 12px}
h3{font-size:17px;line-height:1.3;margin:0 0 8px}
.question{font-size:18px;color:var(--muted);margin:0 0 20px;overflow-wrap:anywhere}
.answer{background:var(--panel);border-left:4px solid var(--blue);border-radius:4px;padding:14px 20px;margin:20px 0 28px}
.answer p{margin:8px 0;overflow-wrap:anywhere}
.answer p:first-child{font-size:19px;line-height:1.4;font-weight:600}
p.setup{overflow-wrap:anywhere}
a{color:var(--link)}
figure{margin:0 0 44px}
figure svg{display:block;max-width:100%;height:auto;touch-action:pan-y;outline-offset:4px}
figure .narrow{display:none}
figcaption{color:var(--muted);font-size:14px;line-height:1.5;margin-top:8px}
.orbit canvas{display:block;width:100%;touch-action:pan-y;cursor:grab;outline-offset:4px}
.orbit .caption{color:var(--muted);font-size:14px;line-height:1.5;margin:8px 0 44px}
.downloads{font-size:14px;margin-top:4px}
.downloads a{margin-right:14px}
[data-series],[data-key]{transition:opacity .12s}
[data-key]{cursor:pointer}
.faded{opacity:.14}
.pointed{stroke:var(--text);stroke-width:2px}
#tip{position:fixed;z-index:9;pointer-events:none;max-width:min(320px,90vw);background:var(--text);color:var(--background);border-radius:4px;padding:6px 10px;font-size:13px;line-height:1.4;white-space:pre-line;font-variant-numeric:tabular-nums}
button{font:inherit;color:inherit;background:none;border:1px solid var(--faint);border-radius:4px;padding:3px 10px;cursor:pointer;white-space:nowrap;flex:none}
.scroll{overflow-x:auto}
.scroll+h3{margin-top:30px}
table{border-collapse:collapse;font-size:14px;line-height:1.35;font-variant-numeric:tabular-nums;width:100%}
th,td{padding:5px 12px 5px 0;text-align:right;vertical-align:top;border-bottom:1px solid var(--faint);white-space:nowrap}
th:first-child,td:first-child,td.text,th.text{text-align:left}
thead th{border-bottom:2px solid var(--faint);font-weight:600;white-space:normal;vertical-align:bottom}
.wrap{display:inline-block;white-space:normal;max-width:140px}
td small{display:block;color:var(--muted);font-size:12px}
details{margin:14px 0}
summary{cursor:pointer;color:var(--link)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:4px 18px;font-size:14px;margin:12px 0}
dt{color:var(--muted)}
dd{margin:0;overflow-wrap:anywhere}
code,pre{font-family:ui-monospace,"DejaVu Sans Mono",monospace;font-size:13px}
pre{background:var(--panel);border-radius:4px;padding:12px;overflow-x:auto;white-space:pre-wrap;overflow-wrap:anywhere}
ul.methods{padding-left:20px}
ul.methods li{margin:6px 0}
@media (max-width:640px){
main{padding:14px 16px 48px}
h1{font-size:25px}
figure .wide{display:none}
figure .narrow{display:block;margin:0 auto}
dl{grid-template-columns:1fr;gap:0}
dd{margin-bottom:8px}
}
@media print{
:root,:root[data-theme=dark],:root:not([data-theme=light]){color-scheme:light;${inkVariables("light")};--panel:#f5f6f8;--link:#1b1e23}
body{font-size:11pt}
main{max-width:none;padding:0}
button,.downloads,#tip,summary{display:none}
h2{break-after:avoid}
figure,.answer,tr{break-inside:avoid}
figure .wide{display:block}
figure .narrow{display:none}
.answer,svg{print-color-adjust:exact;-webkit-print-color-adjust:exact}
@page{margin:16mm}
}
`;
