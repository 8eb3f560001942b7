import * as v from "valibot";

import type { Api } from "@/lib/api/client";
import { markedSchema } from "@/lib/live/versions";

const answerSchema = v.object({ marked: markedSchema });

export type AddCategoryAnswer = v.InferOutput<typeof answerSchema>;

export function addCategory(api: Api, name: string, idempotencyKey: string): Promise<AddCategoryAnswer> {
  return api.send({ method: "POST", path: "/api/categories", body: { name }, idempotencyKey, answer: answerSchema });
}
