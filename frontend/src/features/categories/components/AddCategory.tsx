import { Button, Group, Modal, Stack, TextInput } from "@mantine/core";
import { Tag } from "lucide-react";
import { type SubmitEvent, useState } from "react";

import { addCategory } from "@/features/categories/api/add-category";
import { IdempotencyKeys } from "@/lib/api/idempotency";
import type { Categories } from "@/lib/categories/categories";
import { useCategories } from "@/lib/categories/use-categories";
import { useEdit } from "@/lib/live/edits";
import { useServices } from "@/lib/services";
import { toast } from "@/lib/toasts";

export function AddCategory() {
  const [opened, setOpened] = useState(false);
  const close = () => setOpened(false);
  return (
    <>
      <Button variant="default" size="xs" leftSection={<Tag size={14} aria-hidden />} onClick={() => setOpened(true)}>
        New category
      </Button>
      <Modal opened={opened} onClose={close} title="New category" centered>
        <CategoryForm onDone={close} />
      </Modal>
    </>
  );
}

function problemWith(name: string, { all }: Categories): string | null {
  if (name === "") return "Give the category a name.";
  const taken = all.some((one) => one.name.toLowerCase() === name.toLowerCase());
  return taken ? "There is a category with this name already." : null;
}

function CategoryForm({ onDone }: { onDone: () => void }) {
  const { api } = useServices();
  const categories = useCategories();
  const [name, setName] = useState("");
  const [trouble, setTrouble] = useState<string | null>(null);
  const [keys] = useState(() => new IdempotencyKeys());
  const add = useEdit({
    send: (wish: { name: string; key: string }) => addCategory(api, wish.name, wish.key),
    trouble: "The category was not added",
    onAnswer: (_answer, wish) => {
      toast(`Added the category ${wish.name}`);
      onDone();
    },
  });

  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const wish = name.trim();
    const problem = problemWith(wish, categories);
    setTrouble(problem);
    if (problem === null) add.mutate({ name: wish, key: keys.for(wish) });
  };

  return (
    <form onSubmit={submit}>
      <Stack>
        <TextInput
          label="Name"
          placeholder="Coffee, Kids, Garden"
          value={name}
          onChange={(event) => {
            setName(event.currentTarget.value);
            setTrouble(null);
          }}
          error={trouble}
          maxLength={60}
          data-autofocus
        />
        <Group justify="flex-end">
          <Button variant="default" onClick={onDone}>
            Cancel
          </Button>
          <Button type="submit" loading={add.isPending}>
            Add category
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
