import { withClasses } from "../graph/head.ts";
import { type Network, networkFrom } from "./network.node.ts";
import { sameArchitecture } from "./same-architecture.ts";

/**
 * A network with a head for as many classes as another one tells apart, its numbers 0, checked to be of that one's
 * architecture: what pretrained weights are to a network fine-tuned on other classes.
 * @throws {ScopeError} unsupported, when the head cannot be recognised; shape or data, as `sameArchitecture`
 */
export function withOtherHead(body: Network, like: Network): Network {
  const { title } = body;
  const changed = networkFrom(withClasses(body.graph, like.classes), { title, where: title });
  sameArchitecture([like, changed]);
  return changed;
}
