"""A small agent: a bounded tool loop over a client, with a conversation that always fits.

Agent, AgentStream, Result            what people hold, and what a run gives
FunctionTool, tool                    tools from plain functions
Turn, Reply                           functions that may answer in the model's place
Fitted, ToolStarted, ToolFinished, Done     what an agent's stream has besides a model's events
"""

from holdfast.agent.agent import Agent, AgentStream
from holdfast.agent.events import AgentEvent, Done, Fitted, Result, ToolFinished, ToolStarted
from holdfast.agent.tools import FunctionTool, tool
from holdfast.agent.turn import Reply, Turn

__all__ = [
    "Agent",
    "AgentEvent",
    "AgentStream",
    "Done",
    "Fitted",
    "FunctionTool",
    "Reply",
    "Result",
    "ToolFinished",
    "ToolStarted",
    "Turn",
    "tool",
]
