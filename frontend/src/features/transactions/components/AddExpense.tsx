import { Button, Modal } from "@mantine/core";
import { Plus } from "lucide-react";
import { useState } from "react";

import { ExpenseForm } from "@/features/transactions/components/ExpenseForm";

export function AddExpense({ currencies }: { currencies: readonly string[] }) {
  const [opened, setOpened] = useState(false);
  const close = () => setOpened(false);
  return (
    <>
      <Button size="xs" leftSection={<Plus size={14} aria-hidden />} onClick={() => setOpened(true)}>
        Spend money
      </Button>
      <Modal opened={opened} onClose={close} title="Spend money" centered>
        <ExpenseForm currencies={currencies} onDone={close} />
      </Modal>
    </>
  );
}
